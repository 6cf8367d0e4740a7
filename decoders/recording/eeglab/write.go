package eeglab

import "encoding/binary"

// What follows writes MATLAB files of level 5, little-endian, for the example and for tests.

// file puts variables into a file.
func file(variables ...[]byte) []byte {
	b := make([]byte, headerSize)
	for i := range b[:116] {
		b[i] = ' '
	}
	copy(b, magic+", written by neurod")
	binary.LittleEndian.PutUint16(b[124:], 0x0100)
	copy(b[126:], "IM")
	for _, v := range variables {
		b = append(b, v...)
	}
	return b
}

// element is a data element, in its short form where it has up to four bytes.
func element(kind uint32, data []byte) []byte {
	if n := len(data); n > 0 && n <= 4 {
		b := binary.LittleEndian.AppendUint32(nil, kind|uint32(n)<<16)
		return append(append(b, data...), make([]byte, 4-n)...)
	}
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(data)))
	b = append(b, data...)
	for len(b)%tagSize != 0 {
		b = append(b, 0)
	}
	return b
}

// matrix is an array without a name.
func matrix(class uint32, dims []int, values ...[]byte) []byte {
	return variable(class, "", dims, values...)
}

// variable is an array with a name.
func variable(class uint32, name string, dims []int, values ...[]byte) []byte {
	flags := binary.LittleEndian.AppendUint32(nil, class)
	flags = binary.LittleEndian.AppendUint32(flags, 0)
	var size []byte
	for _, d := range dims {
		size = binary.LittleEndian.AppendUint32(size, uint32(d))
	}
	b := append(element(miUint32, flags), element(miInt32, size)...)
	b = append(b, element(miInt8, []byte(name))...)
	for _, v := range values {
		b = append(b, v...)
	}
	return element(miMatrix, b)
}

// structBody is what an array of structures has behind its head: values are those of the first element in the order of the fields, then
// those of the next.
func structBody(fields []string, values ...[]byte) [][]byte {
	const width = 32
	names := make([]byte, width*len(fields))
	for i, f := range fields {
		copy(names[i*width:(i+1)*width-1], f)
	}
	return append([][]byte{element(miInt32, binary.LittleEndian.AppendUint32(nil, width)), element(miInt8, names)}, values...)
}

// structure is an array of structures without a name.
func structure(dims []int, fields []string, values ...[]byte) []byte {
	return variable(classStruct, "", dims, structBody(fields, values...)...)
}
