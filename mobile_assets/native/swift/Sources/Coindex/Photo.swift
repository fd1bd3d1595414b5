import CoreGraphics
import Foundation
import ImageIO

/// An upright photo: 3 bytes a pixel, possibly decoded smaller than the `fullWidth` × `fullHeight` of the file.
public struct Photo: Sendable {
    public let rgb: [UInt8]
    public let width, height, fullWidth, fullHeight: Int
    /// Where there is more to see: the same photo decoded with more pixels.
    public let inDetail: (@Sendable () -> Photo?)?

    /// An upright image. Its bytes are taken as they are: no colour is converted.
    public init?(_ image: CGImage, fullWidth: Int? = nil, fullHeight: Int? = nil, inDetail: (@Sendable () -> Photo?)? = nil) {
        let (width, height) = (image.width, image.height)
        var rgba = [UInt8](repeating: 0, count: 4 * width * height)
        let space = image.colorSpace?.model == .rgb ? image.colorSpace! : CGColorSpaceCreateDeviceRGB()
        let drawn = rgba.withUnsafeMutableBytes { bytes -> Bool in
            guard let context = CGContext(
                data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width,
                space: space, bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
            else { return false }
            context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
            return true
        }
        guard drawn else { return nil }
        var rgb = [UInt8](repeating: 0, count: 3 * width * height)
        for pixel in 0..<(width * height) {
            rgb[3 * pixel] = rgba[4 * pixel]
            rgb[3 * pixel + 1] = rgba[4 * pixel + 1]
            rgb[3 * pixel + 2] = rgba[4 * pixel + 2]
        }
        self.rgb = rgb
        (self.width, self.height) = (width, height)
        (self.fullWidth, self.fullHeight) = (fullWidth ?? width, fullHeight ?? height)
        self.inDetail = inDetail
    }

    /// A JPEG or HEIC file, reduced while it is decoded (docs/preprocessing.md, section 1), upright by its EXIF orientation.
    public init?(file data: Data) {
        self.init(file: data, sides: .quick)
    }

    /// A JPEG is decoded at the smallest of 1/1, 1/2, 1/4, 1/8 that keeps both its sides at least this long.
    private struct Sides: Equatable {
        let longer, shorter: Int

        static let quick = Sides(longer: 768, shorter: 256), detailed = Sides(longer: 1200, shorter: 400)

        func reduction(_ width: Int, _ height: Int) -> Int {
            [8, 4, 2].first { max(width, height) >= $0 * longer && min(width, height) >= $0 * shorter } ?? 1
        }
    }

    private init?(file data: Data, sides: Sides) {
        guard
            let source = CGImageSourceCreateWithData(data as CFData, nil),
            let properties = CGImageSourceCopyPropertiesAtIndex(source, 0, nil) as? [CFString: Any],
            let width = properties[kCGImagePropertyPixelWidth] as? Int,
            let height = properties[kCGImagePropertyPixelHeight] as? Int
        else { return nil }
        let reduction = sides.reduction(width, height)
        let options = [kCGImageSourceSubsampleFactor: reduction] as CFDictionary
        let orientation = properties[kCGImagePropertyOrientation] as? UInt32 ?? 1
        guard
            let lying = CGImageSourceCreateImageAtIndex(source, 0, options),
            let upright = Self.upright(lying, orientation)
        else { return nil }
        let isTurned = (5...8).contains(orientation)
        let hasMore = sides == .quick && Sides.detailed.reduction(width, height) < reduction
        self.init(
            upright, fullWidth: isTurned ? height : width, fullHeight: isTurned ? width : height,
            inDetail: hasMore ? { Photo(file: data, sides: .detailed) } : nil)
    }

    /// The image turned as its EXIF orientation says.
    private static func upright(_ image: CGImage, _ orientation: UInt32) -> CGImage? {
        guard (2...8).contains(orientation) else { return image }
        let (w, h) = (CGFloat(image.width), CGFloat(image.height))
        let turned = orientation >= 5
        let size = turned ? CGSize(width: h, height: w) : CGSize(width: w, height: h)
        let space = image.colorSpace?.model == .rgb ? image.colorSpace! : CGColorSpaceCreateDeviceRGB()
        guard let context = CGContext(
            data: nil, width: Int(size.width), height: Int(size.height), bitsPerComponent: 8, bytesPerRow: 0, space: space,
            bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue)
        else { return nil }
        // Core Graphics' y goes up: (a, b, c, d, tx, ty) take the lying picture to the upright one.
        switch orientation {
        case 2: context.concatenate(CGAffineTransform(a: -1, b: 0, c: 0, d: 1, tx: w, ty: 0))
        case 3: context.concatenate(CGAffineTransform(a: -1, b: 0, c: 0, d: -1, tx: w, ty: h))
        case 4: context.concatenate(CGAffineTransform(a: 1, b: 0, c: 0, d: -1, tx: 0, ty: h))
        case 5: context.concatenate(CGAffineTransform(a: 0, b: -1, c: -1, d: 0, tx: h, ty: w))
        case 6: context.concatenate(CGAffineTransform(a: 0, b: -1, c: 1, d: 0, tx: 0, ty: w))
        case 7: context.concatenate(CGAffineTransform(a: 0, b: 1, c: 1, d: 0, tx: 0, ty: 0))
        default: context.concatenate(CGAffineTransform(a: 0, b: 1, c: -1, d: 0, tx: h, ty: 0))
        }
        context.interpolationQuality = .none
        context.draw(image, in: CGRect(x: 0, y: 0, width: w, height: h))
        return context.makeImage()
    }
}
