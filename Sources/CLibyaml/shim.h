// libyaml (Debian: libyaml-dev), and adapters for what Swift does not see of it.
#ifndef STEPMILL_CLIBYAML_H
#define STEPMILL_CLIBYAML_H

#include <yaml.h>

#endif
