package pack

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// A pack file is one zstd frame (RFC 8878 §3.1.1), and behind it a seal: a
// skippable frame (§3.1.2) with the SHA-256 of the frame before. The seal finds a
// byte that was changed where the decompressed bytes are the same all the same.
// It proves nothing against an attacker, who can make a new one: the signature does.
const (
	sealMagic   = 0x184D2A5B
	sealSize    = 8 + sha256.Size
	maxBlock    = 128 << 10
	blockHeader = 3
)

// ReadFile reads a pack file whole. Anything but a regular file is refused.
func ReadFile(path string) ([]byte, error) {
	return readBounded(path, MaxPack, "a pack")
}

func readBounded(path string, limit int64, what string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: %s is not a regular file", what, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", what, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}
	if int64(len(data)) > limit {
		return nil, refuse(TooLarge, "%s is over %d bytes, too large for %s", path, limit, what)
	}
	return data, nil
}

// compress makes a pack file of an archive. Equal archives give equal files.
func compress(archive []byte) ([]byte, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression),
		zstd.WithWindowSize(MaxWindow/2), zstd.WithSingleSegment(false), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("compress pack: %w", err)
	}
	frame := enc.EncodeAll(archive, nil)
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("compress pack: %w", err)
	}
	sum := sha256.Sum256(frame)
	seal := binary.LittleEndian.AppendUint32(nil, sealMagic)
	seal = binary.LittleEndian.AppendUint32(seal, sha256.Size)
	return append(frame, append(seal, sum[:]...)...), nil
}

// decompress returns a reader of the archive in a pack file, of which every byte
// has been accounted for. Close it.
func decompress(data []byte) (io.ReadCloser, error) {
	if len(data) > MaxPack {
		return nil, refuse(TooLarge, "a pack of %d bytes, at most %d", len(data), MaxPack)
	}
	frame, rest, err := cutFrame(data)
	if err != nil {
		return nil, err
	}
	if err := checkSeal(frame, rest); err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(bytes.NewReader(frame), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(MaxContent+2*MaxManifest+MaxFiles*2*block))
	if err != nil {
		return nil, decodeError(err)
	}
	return &frameReader{dec}, nil
}

type frameReader struct{ dec *zstd.Decoder }

func (r *frameReader) Read(p []byte) (int, error) {
	n, err := r.dec.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = decodeError(err)
	}
	return n, err
}

func (r *frameReader) Close() error {
	r.dec.Close()
	return nil
}

func decodeError(err error) error {
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return refuse(HugeWindow, "decompress pack: needs a window of more than %d bytes", MaxWindow)
	case errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return refuse(TooLarge, "decompress pack: more than %d bytes", int64(MaxContent))
	}
	return refuse(Damaged, "decompress pack: %w", err)
}

// cutFrame finds the end of the first frame, which the decoder does not tell: it
// would go on with whatever frames follow.
func cutFrame(data []byte) (frame, rest []byte, err error) {
	var h zstd.Header
	if err := h.Decode(data); err != nil {
		return nil, nil, refuse(Damaged, "not a pack: %w", err)
	}
	switch {
	case h.Skippable:
		return nil, nil, refuse(Damaged, "not a pack: it begins with a skippable frame")
	case h.DictionaryID != 0:
		return nil, nil, refuse(Damaged, "not a pack: it needs a dictionary")
	case h.WindowSize > MaxWindow || h.SingleSegment && h.FrameContentSize > MaxWindow:
		return nil, nil, refuse(HugeWindow, "decompress pack: needs a window of more than %d bytes", MaxWindow)
	}
	at, err := skipBlocks(data, h.HeaderSize)
	if h.HasCheckSum {
		at += 4
	}
	if err != nil || at > len(data) {
		return nil, nil, refuse(Damaged, "the pack is cut short or damaged")
	}
	return data[:at], data[at:], nil
}

var errBlock = errors.New("damaged block")

// skipBlocks walks the blocks of a frame (RFC 8878 §3.1.1.2).
func skipBlocks(data []byte, at int) (int, error) {
	for {
		if at+blockHeader > len(data) {
			return 0, errBlock
		}
		head := uint32(data[at]) | uint32(data[at+1])<<8 | uint32(data[at+2])<<16
		size := int(head >> 3)
		if size > maxBlock {
			return 0, errBlock
		}
		switch head >> 1 & 3 {
		case 1: // one byte, repeated
			size = 1
		case 3:
			return 0, errBlock
		}
		if at += blockHeader + size; at > len(data) {
			return 0, errBlock
		}
		if head&1 == 1 {
			return at, nil
		}
	}
}

// checkSeal wants the frame's seal, or nothing: a pack that was packed by other
// programs has none.
func checkSeal(frame, rest []byte) error {
	if len(rest) == 0 {
		return nil
	}
	if len(rest) < 8 || binary.LittleEndian.Uint32(rest) != sealMagic || binary.LittleEndian.Uint32(rest[4:]) != sha256.Size {
		return refuse(Trailing, "something follows the end of the pack")
	}
	sum := sha256.Sum256(frame)
	switch {
	case len(rest) < sealSize:
		return refuse(Damaged, "the pack is cut short")
	case len(rest) > sealSize:
		return refuse(Trailing, "something follows the end of the pack")
	case !bytes.Equal(rest[8:], sum[:]):
		return refuse(Damaged, "the pack was altered since it was built: its seal does not fit")
	}
	return nil
}
