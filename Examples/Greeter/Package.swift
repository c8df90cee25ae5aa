// swift-tools-version: 6.2
// A worker of your own, in a package of your own: a handler, and an executable that runs it.

import PackageDescription

let package = Package(
    name: "greeter",
    platforms: [.macOS(.v15)],
    dependencies: [
        // Yours will name a URL and a version.
        .package(name: "chorewheel", path: "../..")
    ],
    targets: [
        .executableTarget(
            name: "Greeter",
            dependencies: [
                .product(name: "WorkerKit", package: "chorewheel"),
                .product(name: "WorkerRuntime", package: "chorewheel"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6)]
        )
    ]
)
