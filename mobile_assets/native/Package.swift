// swift-tools-version: 5.9
// The Swift package over the C interface. Its root is this folder, so that the core's sources lie within it.
import PackageDescription

let core: [CXXSetting] = [
    .headerSearchPath("third_party/libdeflate"),
    .headerSearchPath("third_party/monocypher"),
    .define("NDEBUG", .when(configuration: .release)),
]

let package = Package(
    name: "Coindex",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "Coindex", targets: ["Coindex"])],
    targets: [
        .target(
            name: "CCoindex",
            path: ".",
            exclude: [
                "CMakeLists.txt", "exports.map", "sources.cmake", "README.md", "build", "kotlin", "python", "samples", "swift",
                "core/kernels.inc", "third_party/README.md", "third_party/libdeflate/COPYING",
            ],
            sources: ["core", "adapters", "third_party"],
            publicHeadersPath: "include",
            cSettings: [.headerSearchPath("third_party/libdeflate")],
            cxxSettings: core,
            linkerSettings: [.linkedFramework("CoreML"), .linkedFramework("CoreVideo")]
        ),
        .target(name: "Coindex", dependencies: ["CCoindex"], path: "swift/Sources/Coindex"),
        .testTarget(name: "CoindexTests", dependencies: ["Coindex"], path: "swift/Tests/CoindexTests"),
    ],
    cxxLanguageStandard: .cxx17
)
