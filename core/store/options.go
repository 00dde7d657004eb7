package store

// Options are the limits of what is kept.
type Options struct {
	// KeepDays is how many days closed cases, records and ended orders are kept,
	// 1 to 3650.
	KeepDays int `yaml:"keep_days"`
	// MaxBytes is how large the database may grow before the oldest of these is
	// given up earlier, 16 MiB to 1 TiB. The snapshots of the sift state are not
	// part of it.
	MaxBytes int64 `yaml:"max_bytes"`
	// ReserveBytes is the size of a file that is given up when the disk is full, so
	// that verdicts can still be stored: 0 (none) to 1 GiB.
	ReserveBytes int64 `yaml:"reserve_bytes"`
}

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)

// DefaultOptions returns 90 days, 512 MiB and a reserve of 16 MiB.
func DefaultOptions() Options {
	return Options{KeepDays: 90, MaxBytes: 512 * mebibyte, ReserveBytes: 16 * mebibyte}
}

// Check reports every option that cannot be worked with.
func (o *Options) Check(problem func(path, text string)) {
	if o.KeepDays < 1 || o.KeepDays > 3650 {
		problem("keep_days", "must lie between 1 and 3650")
	}
	if o.MaxBytes < 16*mebibyte || o.MaxBytes > 1024*gibibyte {
		problem("max_bytes", "must lie between 16 MiB (16777216) and 1 TiB (1099511627776)")
	}
	if o.ReserveBytes < 0 || o.ReserveBytes > gibibyte {
		problem("reserve_bytes", "must lie between 0 and 1 GiB (1073741824)")
	}
}
