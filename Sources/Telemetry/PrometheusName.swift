// Names that Prometheus takes. Libraries that speak swift-metrics name their metrics with dots and dashes.

/// Turns any text into a legal name. Source: "Metric names and labels" of the Prometheus data model.
public enum PrometheusName {
    /// The prefix of every metric of this project.
    public static let prefix = "chorewheel_"

    /// `hb.requests` becomes `chorewheel_hb_requests`.
    ///
    /// - Parameter suffix: The unit or `_total`; added unless it is there.
    public static func metric(_ label: String, suffix: String = "") -> String {
        let plain = legal(label, isMetric: true)
        // `process_…` names are Prometheus' own convention for every process.
        let prefixed = plain.hasPrefix(self.prefix) || plain.hasPrefix("process_") ? plain : self.prefix + plain
        return prefixed.hasSuffix(suffix) ? prefixed : prefixed + suffix
    }

    /// `http.route` becomes `http_route`.
    public static func label(_ name: String) -> String { legal(name, isMetric: false) }

    private static func legal(_ text: String, isMetric: Bool) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
                bytes.append(byte)
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
                bytes.append(byte)
            case UInt8(ascii: ":") where isMetric: bytes.append(byte)
            default: bytes.append(UInt8(ascii: "_"))
            }
        }
        return bytes.isEmpty ? "_" : String(decoding: bytes, as: UTF8.self)
    }
}
