//go:build linux

package sandbox

import (
	"bytes"
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// TestFilter asks the filter about calls of every machine. Allowed is 0.
func TestFilter(t *testing.T) {
	const (
		listener = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER
		amd64    = unix.AUDIT_ARCH_X86_64
		i386     = unix.AUDIT_ARCH_I386
		arm64    = unix.AUDIT_ARCH_AARCH64
		arm      = unix.AUDIT_ARCH_ARM
	)
	tests := map[string]struct {
		arch, nr   uint32
		arg0, arg1 uint64
		want       unix.Errno
	}{
		"listener":              {amd64, 317, unix.SECCOMP_SET_MODE_FILTER, listener, unix.EPERM},
		"listener, of more":     {amd64, 317, unix.SECCOMP_SET_MODE_FILTER, listener | unix.SECCOMP_FILTER_FLAG_TSYNC, unix.EPERM},
		"listener, high half":   {amd64, 317, unix.SECCOMP_SET_MODE_FILTER, 1<<32 | listener, unix.EPERM},
		"listener, x32":         {amd64, x32 | 317, unix.SECCOMP_SET_MODE_FILTER, listener, unix.EPERM},
		"listener, i386":        {i386, 354, unix.SECCOMP_SET_MODE_FILTER, listener, unix.EPERM},
		"listener, arm64":       {arm64, 277, unix.SECCOMP_SET_MODE_FILTER, listener, unix.EPERM},
		"listener, arm":         {arm, 383, unix.SECCOMP_SET_MODE_FILTER, listener, unix.EPERM},
		"another filter":        {amd64, 317, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, 0},
		"prctl":                 {amd64, 157, unix.PR_SET_SECCOMP, 2, 0},
		"keyctl":                {amd64, 250, unix.KEYCTL_READ, 0, unix.ENOSYS},
		"add_key":               {amd64, 248, 0, 0, unix.ENOSYS},
		"request_key":           {amd64, 249, 0, 0, unix.ENOSYS},
		"keyctl, i386":          {i386, 288, 0, 0, unix.ENOSYS},
		"add_key, i386":         {i386, 286, 0, 0, unix.ENOSYS},
		"request_key, arm64":    {arm64, 218, 0, 0, unix.ENOSYS},
		"keyctl, x32":           {amd64, x32 | 250, 0, 0, unix.ENOSYS},
		"io_setup":              {amd64, 206, 8, 0, unix.ENOSYS},
		"io_setup, x32":         {amd64, x32 | 543, 8, 0, unix.ENOSYS},
		"io_setup, i386":        {i386, 245, 8, 0, unix.ENOSYS},
		"io_setup, arm64":       {arm64, 0, 8, 0, unix.ENOSYS},
		"io_setup, arm":         {arm, 243, 8, 0, unix.ENOSYS},
		"read":                  {amd64, 0, 8, 0, 0},
		"vsock":                 {amd64, 41, unix.AF_VSOCK, unix.SOCK_STREAM, unix.EAFNOSUPPORT},
		"vsock, high half":      {amd64, 41, 1<<32 | unix.AF_VSOCK, unix.SOCK_STREAM, unix.EAFNOSUPPORT},
		"vsock pair":            {amd64, 53, unix.AF_VSOCK, unix.SOCK_STREAM, unix.EAFNOSUPPORT},
		"vsock, i386":           {i386, 359, unix.AF_VSOCK, unix.SOCK_STREAM, unix.EAFNOSUPPORT},
		"socketcall":            {i386, 102, 1, 0xffff0000, unix.EAFNOSUPPORT},
		"socketcall, pair":      {i386, 102, 8, 0xffff0000, unix.EAFNOSUPPORT},
		"socketcall, connect":   {i386, 102, 3, 0xffff0000, 0},
		"vsock, arm64":          {arm64, 198, unix.AF_VSOCK, unix.SOCK_STREAM, unix.EAFNOSUPPORT},
		"qrtr":                  {arm64, 198, unix.AF_QIPCRTR, unix.SOCK_DGRAM, unix.EAFNOSUPPORT},
		"inet":                  {amd64, 41, unix.AF_INET, unix.SOCK_STREAM, 0},
		"inet, arm64":           {arm64, 198, unix.AF_INET6, unix.SOCK_STREAM, 0},
		"unix pair":             {amd64, 53, unix.AF_UNIX, unix.SOCK_STREAM, 0},
		"number of another ABI": {arm64, 317, 1, listener, 0},
		"no such machine":       {0x1234, 1, 0, 0, unix.ENOSYS},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := asked(t, false, tt.arch, tt.nr, tt.arg0, tt.arg1); got != tt.want {
				t.Errorf("got %v (%[1]d), want %v", got, tt.want)
			}
		})
	}
	for _, arch := range []uint32{amd64, i386, arm64, arm} {
		for nr, want := range map[uint32]unix.Errno{424: 0, 425: unix.ENOSYS, 426: unix.ENOSYS, 427: unix.ENOSYS, 428: 0} {
			if got := asked(t, true, arch, nr, 0, 0); got != want {
				t.Errorf("call %d of %x: %v, want %v", nr, arch, got, want)
			}
			if got := asked(t, false, arch, nr, 0, 0); got != 0 {
				t.Errorf("call %d of %x, where io_uring is not denied: %v", nr, arch, got)
			}
		}
	}
}

// asked runs the filter as the kernel does, but for the order of bytes.
func asked(t *testing.T, denyIoUring bool, arch, nr uint32, args ...uint64) unix.Errno {
	t.Helper()
	raw := make([]unix.SockFilter, 0)
	code := sealingFilter(denyIoUring)
	for range len(code) / 8 {
		raw = append(raw, unix.SockFilter{})
	}
	if err := binary.Read(bytes.NewReader(code), binary.NativeEndian, raw); err != nil {
		t.Fatal(err)
	}
	var program []bpf.Instruction
	for _, r := range raw {
		program = append(program, bpf.RawInstruction{Op: r.Code, Jt: r.Jt, Jf: r.Jf, K: r.K}.Disassemble())
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	data := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, nr), arch)
	data = binary.BigEndian.AppendUint64(data, 0)
	for _, a := range args {
		data = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(data, uint32(a)), uint32(a>>32))
	}
	got, err := vm.Run(data)
	if err != nil {
		t.Fatal(err)
	}
	if uint32(got) == unix.SECCOMP_RET_ALLOW {
		return 0
	}
	if uint32(got)&unix.SECCOMP_RET_ACTION_FULL != unix.SECCOMP_RET_ERRNO {
		t.Fatalf("the filter says %#x", got)
	}
	return unix.Errno(uint32(got) & unix.SECCOMP_RET_DATA)
}
