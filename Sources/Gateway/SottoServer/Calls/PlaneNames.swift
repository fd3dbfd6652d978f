internal import MediaPlane

// The media plane's module has a type of its own name, which hides the module's name: this is how others say its direction.
typealias SessionDirection = MediaDirection
