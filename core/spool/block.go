package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"time"
)

// A segment file starts with its key, twice. The key is random and goes into every
// header's checksum: who writes the lines can then not write what looks like a
// block, should a damaged file ever be searched for the next one.
//
// Blocks follow, little endian:
//
//	0   magic "PSB1"
//	4   lane
//	5   flags: 1 = the batch goes on in the next block, 2 = it begins with this one
//	6   length of the tag
//	7   0
//	8   length of the payload
//	12  number of records
//	16  number of the first record
//	24  when it was appended, ms since 1970
//	32  CRC-32C of the payload
//	36  CRC-32C of key, bytes 0 to 36 and tag
//	40  tag, payload
//
// A record in the payload: length of its source + 1, or 0 where it is that of the
// record before; the source; ms between its receive time and that of the record
// before (of the first one: the block's time), signed; length of the data; data.
const (
	keyMagic   = "PSS1"
	keyBytes   = 8
	keyCopy    = len(keyMagic) + keyBytes + 4 // with its CRC-32C
	keyLen     = 2 * keyCopy
	blockMagic = "PSB1"
	headerLen  = 40
	flagMore   = 1
	flagBegins = 2

	// blockBytes is the size at which a block is closed, so that reading needs little
	// memory however large a batch is.
	blockBytes = 256 << 10
	maxPayload = blockBytes + MaxRecord + MaxSource
	minRecord  = 3 // bytes of a record without source and data
)

// errBlock is why bytes are no block. Callers only need to know that.
var errBlock = errors.New("is no block of the spool")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// key is the random key of a segment.
type key [keyBytes]byte

// appendKey adds the start of a segment file.
func appendKey(dst []byte, k key) []byte {
	for range 2 {
		start := len(dst)
		dst = append(dst, keyMagic...)
		dst = append(dst, k[:]...)
		dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	}
	return dst
}

// parseKey returns the key of a segment file from its start: one whole copy is
// enough.
func parseKey(start []byte) (key, bool) {
	for range 2 {
		if len(start) < keyCopy {
			break
		}
		one := start[:keyCopy]
		sum := binary.LittleEndian.Uint32(one[keyCopy-4:])
		if bytes.HasPrefix(one, []byte(keyMagic)) && crc32.Checksum(one[:keyCopy-4], castagnoli) == sum {
			return key(one[len(keyMagic):]), true
		}
		start = start[keyCopy:]
	}
	return key{}, false
}

// header is what stands before the records of a block.
type header struct {
	lane    int
	begins  bool // the batch begins with this block
	more    bool // it goes on in the next one
	tag     string
	length  int // bytes of the payload
	records int
	first   uint64 // number of the first record
	at      int64  // ms since 1970
	sum     uint32 // of the payload
}

// end returns the number behind the last record.
func (h *header) end() uint64 { return h.first + uint64(h.records) }

// payloadAt returns where the payload begins, from the start of the block.
func (h *header) payloadAt() int64 { return int64(headerLen + len(h.tag)) }

// size returns the bytes of the whole block.
func (h *header) size() int64 { return h.payloadAt() + int64(h.length) }

// put writes the header into dst, which has room for it and the tag.
func (h *header) put(dst []byte, k key) {
	copy(dst, blockMagic)
	dst[4], dst[5], dst[6], dst[7] = byte(h.lane), 0, byte(len(h.tag)), 0
	if h.more {
		dst[5] |= flagMore
	}
	if h.begins {
		dst[5] |= flagBegins
	}
	le := binary.LittleEndian
	le.PutUint32(dst[8:], uint32(h.length))
	le.PutUint32(dst[12:], uint32(h.records))
	le.PutUint64(dst[16:], h.first)
	le.PutUint64(dst[24:], uint64(h.at))
	le.PutUint32(dst[32:], h.sum)
	copy(dst[headerLen:], h.tag)
	le.PutUint32(dst[36:], headerSum(dst, k))
}

// headerSum is the checksum of the header and the tag at the start of block.
func headerSum(block []byte, k key) uint32 {
	sum := crc32.Checksum(k[:], castagnoli)
	sum = crc32.Update(sum, castagnoli, block[:36])
	return crc32.Update(sum, castagnoli, block[headerLen:headerLen+int(block[6])])
}

// parseHeader reads the header at the start of data, which need not hold the
// payload. What it returns is within its bounds.
func parseHeader(data []byte, k key) (header, error) {
	if len(data) < headerLen || !bytes.HasPrefix(data, []byte(blockMagic)) || len(data) < headerLen+int(data[6]) {
		return header{}, errBlock
	}
	le := binary.LittleEndian
	if headerSum(data, k) != le.Uint32(data[36:]) {
		return header{}, errBlock
	}
	length, records := le.Uint32(data[8:]), le.Uint32(data[12:])
	h := header{
		lane: int(data[4]), begins: data[5]&flagBegins != 0, more: data[5]&flagMore != 0,
		tag: string(data[headerLen : headerLen+int(data[6])]), first: le.Uint64(data[16:]), at: int64(le.Uint64(data[24:])), sum: le.Uint32(data[32:]),
	}
	if h.lane >= Lanes || data[5] > flagMore|flagBegins || data[7] != 0 || length > maxPayload ||
		records == 0 || records > length/minRecord || h.first == 0 || h.first > 1<<63 {
		return header{}, errBlock
	}
	h.length, h.records = int(length), int(records)
	return h, nil
}

// appendBlock adds one block with as many records of the batch as one holds and
// says how many these are. The header states lane, begins, tag, first and
// at.
func appendBlock(dst []byte, h header, k key, batch []Record) ([]byte, int) {
	start := len(dst)
	payload := start + int(h.payloadAt())
	dst = append(dst, make([]byte, payload-start)...)
	source, ms, written := "", h.at, 0
	for i := range batch {
		r := &batch[i]
		if i > 0 && len(dst)-payload+len(r.Data)+len(r.Source) > blockBytes {
			break
		}
		if i > 0 && r.Source == source {
			dst = append(dst, 0)
		} else {
			dst = binary.AppendUvarint(dst, uint64(len(r.Source))+1)
			dst = append(dst, r.Source...)
		}
		received := r.Received.UnixMilli()
		dst = binary.AppendVarint(dst, received-ms)
		dst = binary.AppendUvarint(dst, uint64(len(r.Data)))
		dst = append(dst, r.Data...)
		source, ms = r.Source, received
		written++
	}
	h.more = written < len(batch)
	h.length, h.records = len(dst)-payload, written
	h.sum = crc32.Checksum(dst[payload:], castagnoli)
	h.put(dst[start:payload], k)
	return dst, written
}

// parsePayload returns the records of a block. Their data are parts of payload.
func parsePayload(payload []byte, h header) ([]Record, error) {
	if len(payload) != h.length || crc32.Checksum(payload, castagnoli) != h.sum {
		return nil, errBlock
	}
	records := make([]Record, 0, h.records)
	source, ms := "", h.at
	for range h.records {
		var r Record
		n, rest, ok := uvarint(payload, MaxSource+1)
		if !ok || n > len(rest)+1 {
			return nil, errBlock
		}
		if n > 0 {
			source, rest = string(rest[:n-1]), rest[n-1:]
		} else if len(records) == 0 {
			return nil, errBlock
		}
		step, width := binary.Varint(rest)
		if width <= 0 {
			return nil, errBlock
		}
		ms += step
		n, rest, ok = uvarint(rest[width:], MaxRecord)
		if !ok || n > len(rest) {
			return nil, errBlock
		}
		r.Source, r.Received, r.Data = source, time.UnixMilli(ms).UTC(), rest[:n:n]
		records, payload = append(records, r), rest[n:]
	}
	if len(payload) != 0 {
		return nil, errBlock
	}
	return records, nil
}

// uvarint reads a number that is at most most.
func uvarint(data []byte, most uint64) (n int, rest []byte, ok bool) {
	value, width := binary.Uvarint(data)
	if width <= 0 || value > most {
		return 0, data, false
	}
	return int(value), data[width:], true
}

// bound returns how many bytes the batch takes at most in a segment.
func bound(tag string, batch []Record) int64 {
	const perRecord = 10 + 4 // time and lengths
	perBlock := int64(headerLen+len(tag)) + MaxSource
	total, source := int64(0), ""
	for i := range batch {
		r := &batch[i]
		total += int64(len(r.Data)) + perRecord
		if r.Source != source || i == 0 {
			total += int64(len(r.Source)) + 2
		}
		source = r.Source
	}
	blocks := 2*total/int64(blockBytes-2*MaxSource) + 1 // two neighbours hold more than one block's bytes
	return int64(keyLen) + total + blocks*perBlock
}
