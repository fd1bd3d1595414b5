// What adapters/coreml.mm uses of Foundation and Core ML, declared as Apple's documentation does: enough to be compiled
// where there is no Xcode. It cannot be linked or run.
#pragma once

#import <CoreVideo/CoreVideo.h>

#define nil nullptr
typedef long NSInteger;
typedef unsigned long NSUInteger;

__attribute__((objc_root_class))
@interface NSObject
+ (instancetype)alloc;
- (instancetype)init;
@end

@protocol NSCopying
@end

@interface NSString : NSObject <NSCopying>
+ (instancetype)stringWithUTF8String:(const char*)text;
@property(readonly) const char* UTF8String;
@end

@interface NSConstantString : NSString
@end

@interface NSNumber : NSObject
@property(readonly) NSInteger integerValue;
@end

@interface NSArray<ObjectType> : NSObject
@property(readonly) NSUInteger count;
- (ObjectType)objectAtIndexedSubscript:(NSUInteger)place;
@end

@interface NSDictionary<KeyType, ObjectType> : NSObject
+ (instancetype)dictionaryWithObjects:(const ObjectType[])objects
                              forKeys:(const id<NSCopying>[])keys
                                count:(NSUInteger)count;
@end

@interface NSError : NSObject
@property(readonly) NSString* localizedDescription;
@end

@interface NSURL : NSObject
+ (instancetype)fileURLWithPath:(NSString*)path;
@end

typedef enum : NSInteger { MLComputeUnitsAll = 2 } MLComputeUnits;

@interface MLModelConfiguration : NSObject
@property MLComputeUnits computeUnits;
@end

typedef enum : NSInteger { MLMultiArrayDataTypeFloat32 = 65568 } MLMultiArrayDataType;

@interface MLMultiArray : NSObject
@property(readonly) MLMultiArrayDataType dataType;
@property(readonly) NSInteger count;
@property(readonly) NSArray<NSNumber*>* shape;
@property(readonly) NSArray<NSNumber*>* strides;
- (void)getBytesWithHandler:(void (^)(const void* bytes, NSInteger size))handler;
@end

@interface MLFeatureValue : NSObject
+ (instancetype)featureValueWithPixelBuffer:(CVPixelBufferRef)buffer;
@property(readonly) MLMultiArray* multiArrayValue;
@end

@protocol MLFeatureProvider
- (MLFeatureValue*)featureValueForName:(NSString*)name;
@end

@interface MLDictionaryFeatureProvider : NSObject <MLFeatureProvider>
- (instancetype)initWithDictionary:(NSDictionary*)features error:(NSError**)error;
@end

@interface MLModel : NSObject
+ (instancetype)modelWithContentsOfURL:(NSURL*)url
                         configuration:(MLModelConfiguration*)configuration
                                 error:(NSError**)error;
- (id<MLFeatureProvider>)predictionFromFeatures:(id<MLFeatureProvider>)input error:(NSError**)error;
@end
