package sandbox

// WithoutNAT makes the box as on a kernel that cannot redirect.
func WithoutNAT(o *Options) { o.withoutNAT = true }

// InHome reports whether a folder is below a user's.
func InHome(dir string) bool { return inHome(dir) }
