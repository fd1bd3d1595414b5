import Foundation
import XCTest

@testable import Coindex

final class BoundaryTests: XCTestCase {
    func testAFolderWithoutACatalogueIsTold() {
        XCTAssertThrowsError(try Catalog(folder: FileManager.default.temporaryDirectory)) { error in
            XCTAssertTrue("\(error)".contains("no catalogue here yet; sync first"))
        }
    }
}
