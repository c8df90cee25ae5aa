// Our own environment, to hand an extended copy to a child. In a file of its own because the C global behind it is
// shared mutable state: it is read here alone, and nothing in this project calls `setenv`.

#if canImport(Darwin)
@preconcurrency import Darwin
#else
@preconcurrency import Glibc
#endif

package enum CurrentEnvironment {
    package static func variables() -> [String: String] {
        var variables: [String: String] = [:]
        #if canImport(Darwin)
        var next = _NSGetEnviron().pointee
        #else
        var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
        #endif
        while let entry = next?.pointee {
            let text = String(cString: entry)
            if let equals = text.firstIndex(of: "=") {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            next = next?.advanced(by: 1)
        }
        return variables
    }
}
