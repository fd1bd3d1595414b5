// The Android library (AAR). Written here, built elsewhere: docs/native.md says what was run where.
plugins {
    id("com.android.library") version "8.7.3"
    kotlin("android") version "2.1.0"
}

android {
    namespace = "org.coindex"
    compileSdk = 35
    defaultConfig {
        minSdk = 26
        externalNativeBuild {
            cmake {
                arguments += listOf("-DCOINDEX_TESTS=OFF", "-DCOINDEX_JNI=ON", "-DANDROID_STL=c++_static")
                targets += "coindex"
            }
        }
        ndk { abiFilters += listOf("arm64-v8a", "x86_64") }
        consumerProguardFiles("consumer-rules.pro")
    }
    externalNativeBuild { cmake { path = file("../CMakeLists.txt") } }
    sourceSets["main"].kotlin.srcDir("src/android/kotlin")
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_17
        targetCompatibility = JavaVersion.VERSION_17
    }
}

kotlin { jvmToolchain(17) }

dependencies {
    // Its AAR carries libLiteRt.so.
    api("com.google.ai.edge.litert:litert:2.1.0")
    implementation("org.jetbrains.kotlinx:kotlinx-coroutines-android:1.9.0")
}
