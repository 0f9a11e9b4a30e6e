// The header is the module; SwiftPM wants one translation unit to build.
#include "CIntrinsics.h"
