import Stepmill
import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Units of systemd that run the server with the options that were given.
enum ServeUnit {
  static func text(_ settings: ServeSettings, _ arguments: Arguments) -> String {
    var command = [program, "serve"]
    for option in ServeSettings.options where arguments.has(option.name) {
      for value in arguments.values(option.name) {
        command.append(option.name)
        if option.value != nil { command.append(value) }
      }
    }
    // A directory that systemd makes for it, unless there is one already.
    if settings.dataDirectory == nil { command += ["--data", "%S/stepmill"] }
    let writable = settings.dataDirectory.map { "ReadWritePaths=\(quoted($0))\n" } ?? ""
    let isPrivileged = settings.addresses.contains { address in
      if case .tcp(_, let port) = address { (1..<1024).contains(port) } else { false }
    }
    let capability = isPrivileged ? "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" : ""
    return """
      # /etc/systemd/system/stepmill.service
      # Afterwards: systemctl daemon-reload && systemctl enable --now stepmill
      [Unit]
      Description=Stepmill: the API of AWS Step Functions
      After=network.target

      [Service]
      Type=exec
      ExecStart=\(command.map { $0.hasPrefix("%S/") ? $0 : quoted($0) }.joined(separator: " "))
      Restart=on-failure
      TimeoutStopSec=\(settings.drainMilliseconds / 1000 + 20)
      LimitNOFILE=65536
      DynamicUser=yes
      StateDirectory=stepmill
      \(writable)\(capability)NoNewPrivileges=yes
      ProtectSystem=strict
      ProtectHome=read-only
      PrivateTmp=yes
      PrivateDevices=yes
      RestrictSUIDSGID=yes

      [Install]
      WantedBy=multi-user.target

      # /etc/systemd/system/stepmill.socket
      # For a server that starts with its first request, and whose port stays open while it starts anew; only
      # without --listen and --port: systemctl enable --now stepmill.socket
      #
      # [Socket]
      # ListenStream=127.0.0.1:8083
      #
      # [Install]
      # WantedBy=sockets.target

      """
  }

  private static var program: String {
    var path = [UInt8](repeating: 0, count: 4096)
    let count = unsafe path.withUnsafeMutableBytes { bytes in
      unsafe readlink("/proc/self/exe", bytes.baseAddress.unsafelyUnwrapped, bytes.count)
    }
    return count > 0 ? String(decoding: path[..<count], as: UTF8.self) : "/usr/local/bin/stepmill"
  }

  /// As systemd reads words: `%` and `$` stand for something unless doubled.
  private static func quoted(_ word: String) -> String {
    var text = ""
    for scalar in word.unicodeScalars {
      switch scalar {
      case "%": text += "%%"
      case "$": text += "$$"
      case "\"", "\\": text += "\\\(scalar)"
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(scalar)
      }
    }
    let isPlain =
      !word.isEmpty
      && word.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || "/._-:=+,@%".utf8.contains(byte)
      }
    return isPlain ? text : "\"\(text)\""
  }
}
