import Stepmill
import StepmillHTTP

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Units of systemd that run the server with the settings that were given, wherever they stood.
///
/// A service starts in `/`, in an environment of its own, and sees most of the file system as read-only: so
/// relative paths are made absolute, variables become options, and directories to write to are named.
struct ServeUnit {
  private let settings: ServeSettings
  /// Where relative paths begin.
  private let directory: String
  private var command = [program, "serve"]
  /// Lines of the section `Service`.
  private var lines: [String] = []
  private var writable: [String] = []

  static func text(_ settings: ServeSettings) -> String { ServeUnit(settings).text }

  private init(_ settings: ServeSettings) {
    self.settings = settings
    directory = Self.currentDirectory
    for option in ServeSettings.options { add(option) }
    // A directory that systemd makes for it, unless there is one already.
    if settings.dataDirectory == nil { command += ["--data", "%S/stepmill"] }
    for address in settings.addresses {
      if case .unix(let path) = address { addWritable(parent(of: path)) }
    }
    if !settings.integrations.commands.isEmpty {
      // It is no list of words: nothing is quoted. Commands may name files beside them.
      lines.append("WorkingDirectory=-\(directory.map { $0 == "%" ? "%%" : String($0) }.joined())")
    }
    addDirectories()
    let isPrivileged = settings.addresses.contains { address in
      if case .tcp(_, let port) = address { (1..<1024).contains(port) } else { false }
    }
    if isPrivileged { lines.append("AmbientCapabilities=CAP_NET_BIND_SERVICE") }
  }

  // MARK: Settings

  private mutating func add(_ option: Command.Option) {
    let (values, place) = settings.source.values(option.name)
    guard option.value != nil else { return addFlag(option, place) }
    let rooted = values.map { self.rooted($0, of: option.name) }
    // What stands in the file is read from there, as long as it means the same everywhere.
    if case .file = place, rooted == values { return noteWritable(rooted, of: option.name) }
    for value in rooted { command += [option.name, value] }
    noteWritable(rooted, of: option.name)
  }

  private mutating func addFlag(_ option: Command.Option, _ place: SettingSource.Place) {
    let isSet = (try? settings.source.isSet(option.name)) ?? false
    switch place {
    case .option: command.append(option.name)
    case .environment where isSet: command.append(option.name)
    // There is no option that says no to what the file says.
    case .environment(let variable): lines.append("Environment=\(variable)=false")
    case .file, .none: break
    }
  }

  /// The value of an option, with an absolute path if it has one.
  private func rooted(_ value: String, of option: String) -> String {
    switch option {
    case "--data", "--log-file", "--event-file", "--tls-certificate", "--tls-key":
      return absolute(value)
    case "--config", "--credentials", "--mocks":
      return value == "-" ? value : absolute(value)
    case "--bucket":
      let parts = value.split(separator: "=", maxSplits: 1)
      return parts.count == 2 ? "\(parts[0])=\(absolute(String(parts[1])))" : value
    case "--listen" where value.hasPrefix("unix:"):
      return "unix:" + absolute(String(value.dropFirst(5)))
    default:
      return value
    }
  }

  private mutating func noteWritable(_ values: [String], of option: String) {
    for value in values {
      switch option {
      case "--data": addWritable(value)
      case "--log-file", "--event-file": if !value.hasPrefix("/dev/") { addWritable(parent(of: value)) }
      case "--bucket": addWritable(String(value.drop { $0 != "=" }.dropFirst()))
      default: break
      }
    }
  }

  // MARK: Directories

  private mutating func addWritable(_ path: String) {
    let path = absolute(path)
    if !writable.contains(path) { writable.append(path) }
  }

  /// Those that are plainly this server's own are made by systemd, for the user that it invents.
  private mutating func addDirectories() {
    let homes = [
      ("StateDirectory", "/var/lib/"), ("RuntimeDirectory", "/run/"), ("LogsDirectory", "/var/log/"),
    ]
    var own = ["StateDirectory": ["stepmill"]]
    var others: [String] = []
    var hidden: [String] = []
    for path in writable {
      if let (name, home) = homes.first(where: { path.hasPrefix($0.1 + "stepmill") }) {
        let below = String(path.dropFirst(home.count))
        if own[name]?.contains(below) != true { own[name, default: []].append(below) }
      } else if ["/tmp", "/var/tmp"].contains(where: { path == $0 || path.hasPrefix($0 + "/") }) {
        hidden.append(path)
      } else {
        others.append(path)
      }
    }
    for (name, _) in homes {
      if let paths = own[name] {
        lines.append("\(name)=\(paths.map { Self.quoted($0) }.joined(separator: " "))")
      }
    }
    if !others.isEmpty {
      lines += [
        "# These must be there, and be writable for the service: where they are somebody's, let User=NAME take the",
        "# place of DynamicUser=yes.",
        "ReadWritePaths=\(others.map { Self.quoted($0) }.joined(separator: " "))",
      ]
    }
    for path in hidden {
      lines.append("# \(SourceLines.readable(path)) is not seen: the service has a /tmp of its own.")
    }
  }

  private func parent(of path: String) -> String { absolute(absolute(path) + "/..") }

  /// systemd takes no path with `.` or `..` in it.
  private func absolute(_ path: String) -> String {
    var parts: [Substring] = []
    for part in (path.hasPrefix("/") ? path : directory + "/" + path).split(separator: "/") {
      switch part {
      case ".": continue
      case "..": _ = parts.popLast()
      default: parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  private static var currentDirectory: String {
    guard let path = unsafe getcwd(nil, 0) else { return "/" }
    defer { unsafe free(path) }
    return unsafe String(cString: path)
  }

  // MARK: Text

  private var text: String {
    let words = command.map { $0.hasPrefix("%S/") ? $0 : Self.quoted($0, isCommand: true) }
    // Beside the connections there are files, pipes to commands, and connections to other services.
    let filesMax = settings.limits.http.connectionsMax + 1024
    return """
      # /etc/systemd/system/stepmill.service
      # Afterwards: systemctl daemon-reload && systemctl enable --now stepmill
      [Unit]
      Description=Stepmill: the API of AWS Step Functions
      After=network.target

      [Service]
      Type=exec
      ExecStart=\(words.joined(separator: " "))
      Restart=on-failure
      TimeoutStopSec=\(settings.drainMilliseconds / 1000 + 20)
      LimitNOFILE=\(filesMax)
      DynamicUser=yes
      \(lines.joined(separator: "\n"))
      NoNewPrivileges=yes
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

  /// As systemd reads words: `%`, and in commands `$`, stand for something unless doubled.
  private static func quoted(_ word: String, isCommand: Bool = false) -> String {
    var text = ""
    for scalar in word.unicodeScalars {
      switch scalar {
      case "%": text += "%%"
      case "$" where isCommand: text += "$$"
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
