import Stepmill

enum TimeText {
  /// `2026-01-02T03:04:05.678Z`
  static func iso(_ milliseconds: Int64) -> String { UTCText.text(milliseconds) }
}
