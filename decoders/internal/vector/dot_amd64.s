#include "textflag.h"

// func hasAVX() bool
//
// CPUID 1 tells in ECX that the processor has AVX (bit 28) and that the system uses XGETBV (27), which tells that it keeps
// the registers (bits 1 and 2).
TEXT ·hasAVX(SB), NOSPLIT, $0-1
	MOVB  $0, ret+0(FP)
	MOVL  $1, AX
	XORL  CX, CX
	CPUID
	ANDL  $0x18000000, CX
	CMPL  CX, $0x18000000
	JNE   no
	XORL  CX, CX
	XGETBV
	ANDL  $6, AX
	CMPL  AX, $6
	JNE   no
	MOVB  $1, ret+0(FP)

no:
	RET

// func dot16(x, y *float64, blocks int) float64
TEXT ·dot16(SB), NOSPLIT, $0-32
	MOVQ   x+0(FP), SI
	MOVQ   y+8(FP), DI
	MOVQ   blocks+16(FP), CX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	TESTQ  CX, CX
	JLE    sum

loop:
	VMOVUPD (SI), Y4
	VMOVUPD 32(SI), Y5
	VMOVUPD 64(SI), Y6
	VMOVUPD 96(SI), Y7
	VMULPD  (DI), Y4, Y4
	VMULPD  32(DI), Y5, Y5
	VMULPD  64(DI), Y6, Y6
	VMULPD  96(DI), Y7, Y7
	VADDPD  Y4, Y0, Y0
	VADDPD  Y5, Y1, Y1
	VADDPD  Y6, Y2, Y2
	VADDPD  Y7, Y3, Y3
	ADDQ    $128, SI
	ADDQ    $128, DI
	DECQ    CX
	JNZ     loop

sum:
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VHADDPD      X0, X0, X0
	VZEROUPPER
	MOVSD        X0, ret+24(FP)
	RET

// func extremes16(x *float64, blocks int) (lo, hi float64, nan bool)
//
// VMINPD and VMAXPD give the second of two operands where one is NaN, so that NaN might be lost: VCMPPD $3 (unordered) of each number with
// itself is gathered in Y8.
TEXT ·extremes16(SB), NOSPLIT, $0-33
	MOVQ    x+0(FP), SI
	MOVQ    blocks+8(FP), CX
	VMOVUPD (SI), Y0
	VMOVUPD Y0, Y1
	VMOVUPD Y0, Y2
	VMOVUPD Y0, Y3
	VXORPD  Y8, Y8, Y8

loop:
	VMOVUPD (SI), Y4
	VMOVUPD 32(SI), Y5
	VMOVUPD 64(SI), Y6
	VMOVUPD 96(SI), Y7
	VCMPPD  $3, Y5, Y4, Y9
	VCMPPD  $3, Y7, Y6, Y10
	VORPD   Y9, Y8, Y8
	VORPD   Y10, Y8, Y8
	VMINPD  Y4, Y0, Y0
	VMAXPD  Y4, Y1, Y1
	VMINPD  Y5, Y2, Y2
	VMAXPD  Y5, Y3, Y3
	VMINPD  Y6, Y0, Y0
	VMAXPD  Y6, Y1, Y1
	VMINPD  Y7, Y2, Y2
	VMAXPD  Y7, Y3, Y3
	ADDQ    $128, SI
	DECQ    CX
	JNZ     loop

	VMINPD       Y2, Y0, Y0
	VMAXPD       Y3, Y1, Y1
	VEXTRACTF128 $1, Y0, X2
	VEXTRACTF128 $1, Y1, X3
	VMINPD       X2, X0, X0
	VMAXPD       X3, X1, X1
	VPERMILPD    $1, X0, X2
	VPERMILPD    $1, X1, X3
	VMINSD       X2, X0, X0
	VMAXSD       X3, X1, X1
	VMOVMSKPD    Y8, AX
	VZEROUPPER
	MOVSD        X0, lo+16(FP)
	MOVSD        X1, hi+24(FP)
	TESTL        AX, AX
	SETNE        nan+32(FP)
	RET
