/// Whether a text is JSON, in the words of the parser that the service uses: its messages quote
/// that parser where an input is refused.
package enum JSONTextCheck {
  /// What keeps a text from being one JSON value; nil if nothing does.
  package static func problem(_ text: [UInt8]) -> String? {
    do throws(SyntaxError) {
      _ = try SyntaxReader.read(SourceText(text), nestingMax: SyntaxReader.nestingLimit)
      return nil
    } catch {
      return error.message
    }
  }
}
