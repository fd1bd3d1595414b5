pluginManagement { repositories { google(); mavenCentral(); gradlePluginPortal() } }
dependencyResolutionManagement { repositories { google(); mavenCentral() } }
rootProject.name = "coindex-sample"
include(":app", ":coindex")
project(":coindex").projectDir = file("../../kotlin")
