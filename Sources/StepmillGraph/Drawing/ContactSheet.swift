/// Many pictures on one page, to look at them all at once.
package struct ContactSheet {
  private var figures = ""
  private var count = 0

  package init() {}

  package mutating func add(_ name: String, svg: String) {
    count += 1
    // Names inside a picture are unique only there: pictures as images keep them apart.
    figures += "<figure><a href=\"#f\(count)\"><img id=\"f\(count)\" alt=\"\(Markup.escape(name))\" "
    figures += "loading=\"lazy\" src=\"data:image/svg+xml,\(Self.percent(svg))\"></a>"
    figures += "<figcaption>\(Markup.escape(name))</figcaption></figure>\n"
  }

  package mutating func add(_ name: String, problem: String) {
    figures += "<figure class=\"problem\"><pre>\(Markup.escape(problem))</pre>"
    figures += "<figcaption>\(Markup.escape(name))</figcaption></figure>\n"
  }

  package func html(title: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en"><head><meta charset="utf-8"><title>\(Markup.escape(title))</title>
    <meta name="color-scheme" content="light dark">
    <style>
    body{margin:24px;font-family:"Helvetica Neue",Helvetica,Arial,sans-serif;background:Canvas;color:CanvasText}
    main{display:grid;grid-template-columns:repeat(auto-fill,minmax(340px,1fr));gap:20px}
    figure{margin:0;padding:10px;border:1px solid #8886;border-radius:8px;min-width:0}
    img{width:100%;height:340px;object-fit:contain}
    img:target{height:auto;object-fit:none;width:auto}
    figcaption{font-size:13px;text-align:center;overflow-wrap:anywhere;margin-top:6px}
    pre{white-space:pre-wrap;color:#c81e1e}
    </style></head><body><h1>\(Markup.escape(title))</h1>
    <main>
    \(figures)</main></body></html>

    """
  }

  private static func percent(_ text: String) -> String {
    let digits = Array("0123456789ABCDEF")
    var result = ""
    result.reserveCapacity(text.utf8.count * 5 / 4)
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "%"), UInt8(ascii: "#"), UInt8(ascii: "\""), UInt8(ascii: "<"), UInt8(ascii: ">"),
        0..<0x20, 0x7F...:
        result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      default: result.unicodeScalars.append(Unicode.Scalar(byte))
      }
    }
    return result
  }
}
