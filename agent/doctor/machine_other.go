//go:build !linux

package doctor

func kernel() Check {
	return bad(Warning, "kernel", "run sensors on Linux", "this is not Linux: only the decoy is tested here")
}
func clockSynchronized() (bool, error)             { return true, nil }
func fileSystem(string) (kind string, remote bool) { return "", false }
func freeBytes(string) (int64, error)              { return 1 << 62, nil }
func damage(string) Check                          { return ok("journal", "not looked at") }
func descriptors(int) Check                        { return ok("open files", "not looked at") }
func namespaces() Check {
	return bad(Warning, "namespaces", "audit on Linux", "this system has none")
}
func bpf() Check { return bad(Warning, "BPF", "audit on Linux", "this system has none") }
