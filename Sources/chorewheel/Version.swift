// The one place that knows which version this is.

/// As `--version` prints it and sessions tell it; a Semantic Version.
let chorewheelVersion = "0.1.0"
