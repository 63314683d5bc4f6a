package sandbox

// WithoutNAT makes the box as on a kernel that cannot redirect.
func WithoutNAT(o *Options) { o.withoutNAT = true }
