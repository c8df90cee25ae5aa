// Waits until the API says that it is ready.

internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Processes

/// Asks `/readyz`.
struct ReadyProbe {
    let port: UInt16

    /// - Parameter check: Called between the asks; throws when waiting longer is in vain.
    /// - Throws: `ProcessError(.startFailed)` when the time is over.
    func wait(within limit: Duration, check: () throws -> Void) async throws {
        let deadline = ContinuousClock.now + limit
        var last = "no answer"
        while .now < deadline {
            try check()
            do {
                var request = HTTPClientRequest(url: "http://127.0.0.1:\(self.port)/readyz")
                request.headers.add(name: "connection", value: "close")
                let response = try await HTTPClient.shared.execute(request, timeout: .seconds(2))
                let body = try await response.body.collect(upTo: 65_536)
                if response.status == .ok { return }
                last = String(buffer: body)
            } catch let error as HTTPClientError {
                last = "\(error)"
            } catch let error as IOError {
                last = "\(error)"
            } catch let error as NIOConnectionError {
                last = "\(error)"
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw ProcessError(.startFailed, "the API was not ready within \(limit): \(last)")
    }
}
