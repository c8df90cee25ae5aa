// A known path with another method: 405 that says which are allowed, where the router alone would say 404.

internal import Hummingbird

/// Adds an answer for every usual method that a route of the router does not have. Call it after all routes.
func answerOtherMethods(of router: Router<APIContext>) {
    let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]
    let paths = Dictionary(grouping: router.routes, by: { $0.path.description })
    for routes in paths.values {
        guard let path = routes.first?.path else { continue }
        var own = Set(routes.map(\.method))
        // The router answers it by itself.
        if own.contains(.get) { own.insert(.head) }
        let allowed = (own.map(\.rawValue) + ["OPTIONS"]).sorted().joined(separator: ", ")
        for method in methods where !own.contains(method) {
            router.on(path, method: method) { _, _ -> Response in
                if method == .options { return Response(status: .noContent, headers: [.allow: allowed]) }
                var problem = Problem(.methodNotAllowed, "Allowed here: \(allowed).")
                problem.headers[.allow] = allowed
                throw problem
            }
        }
    }
}
