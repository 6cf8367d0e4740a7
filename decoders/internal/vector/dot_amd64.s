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

// func dot(x, y *float64, n int) float64
//
// Blocks of 16 go to four sums of four, what is left of them to the first, and single numbers to one of their own.
TEXT ·dot(SB), NOSPLIT, $0-32
	MOVQ   x+0(FP), SI
	MOVQ   y+8(FP), DI
	MOVQ   n+16(FP), BX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	VXORPD X8, X8, X8
	MOVQ   BX, CX
	SHRQ   $4, CX
	JZ     fours

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

fours:
	MOVQ BX, CX
	ANDQ $15, CX
	SHRQ $2, CX
	JZ   ones

four:
	VMOVUPD (SI), Y4
	VMULPD  (DI), Y4, Y4
	VADDPD  Y4, Y0, Y0
	ADDQ    $32, SI
	ADDQ    $32, DI
	DECQ    CX
	JNZ     four

ones:
	ANDQ $3, BX
	JZ   sum

one:
	VMOVSD (SI), X4
	VMULSD (DI), X4, X4
	VADDSD X4, X8, X8
	ADDQ   $8, SI
	ADDQ   $8, DI
	DECQ   BX
	JNZ    one

sum:
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VHADDPD      X0, X0, X0
	VADDSD       X8, X0, X0
	VZEROUPPER
	MOVSD        X0, ret+24(FP)
	RET

// func sum16(x *float64, blocks int) float64
TEXT ·sum16(SB), NOSPLIT, $0-24
	MOVQ   x+0(FP), SI
	MOVQ   blocks+8(FP), CX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3

loop:
	VADDPD (SI), Y0, Y0
	VADDPD 32(SI), Y1, Y1
	VADDPD 64(SI), Y2, Y2
	VADDPD 96(SI), Y3, Y3
	ADDQ   $128, SI
	DECQ   CX
	JNZ    loop

	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VHADDPD      X0, X0, X0
	VZEROUPPER
	MOVSD        X0, ret+16(FP)
	RET

// func mix16(dst *float64, blocks int, w *[4]float64, a, b, c, d *float64)
TEXT ·mix16(SB), NOSPLIT, $0-56
	MOVQ         dst+0(FP), DI
	MOVQ         blocks+8(FP), CX
	MOVQ         w+16(FP), AX
	MOVQ         a+24(FP), R8
	MOVQ         b+32(FP), R9
	MOVQ         c+40(FP), R10
	MOVQ         d+48(FP), R11
	VBROADCASTSD (AX), Y12
	VBROADCASTSD 8(AX), Y13
	VBROADCASTSD 16(AX), Y14
	VBROADCASTSD 24(AX), Y15
	SHLQ         $2, CX
	XORQ         BX, BX

loop:
	VMULPD  (R8)(BX*1), Y12, Y0
	VADDPD  (DI)(BX*1), Y0, Y0
	VMULPD  (R9)(BX*1), Y13, Y1
	VADDPD  Y1, Y0, Y0
	VMULPD  (R10)(BX*1), Y14, Y2
	VADDPD  Y2, Y0, Y0
	VMULPD  (R11)(BX*1), Y15, Y3
	VADDPD  Y3, Y0, Y0
	VMOVUPD Y0, (DI)(BX*1)
	ADDQ    $32, BX
	DECQ    CX
	JNZ     loop
	VZEROUPPER
	RET

// func slope16(x *float64, blocks int, mean, at float64) float64
TEXT ·slope16(SB), NOSPLIT, $0-40
	MOVQ         x+0(FP), SI
	MOVQ         blocks+8(FP), CX
	VBROADCASTSD mean+16(FP), Y8
	VBROADCASTSD at+24(FP), Y9
	VADDPD       ·ramp(SB), Y9, Y9 // the abscissas of the next four
	VBROADCASTSD ·ramp+32(SB), Y10
	VXORPD       Y0, Y0, Y0
	VXORPD       Y1, Y1, Y1
	VXORPD       Y2, Y2, Y2
	VXORPD       Y3, Y3, Y3

loop:
	VMOVUPD (SI), Y4
	VMOVUPD 32(SI), Y5
	VMOVUPD 64(SI), Y6
	VMOVUPD 96(SI), Y7
	VSUBPD  Y8, Y4, Y4
	VSUBPD  Y8, Y5, Y5
	VSUBPD  Y8, Y6, Y6
	VSUBPD  Y8, Y7, Y7
	VADDPD  Y10, Y9, Y11
	VADDPD  Y10, Y11, Y12
	VADDPD  Y10, Y12, Y13
	VMULPD  Y9, Y4, Y4
	VMULPD  Y11, Y5, Y5
	VMULPD  Y12, Y6, Y6
	VMULPD  Y13, Y7, Y7
	VADDPD  Y10, Y13, Y9
	VADDPD  Y4, Y0, Y0
	VADDPD  Y5, Y1, Y1
	VADDPD  Y6, Y2, Y2
	VADDPD  Y7, Y3, Y3
	ADDQ    $128, SI
	DECQ    CX
	JNZ     loop

	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VHADDPD      X0, X0, X0
	VZEROUPPER
	MOVSD        X0, ret+32(FP)
	RET

// func level16(dst, x *float64, blocks int, mean, slope, at float64)
TEXT ·level16(SB), NOSPLIT, $0-48
	MOVQ         dst+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         blocks+16(FP), CX
	VBROADCASTSD mean+24(FP), Y8
	VBROADCASTSD slope+32(FP), Y7
	VBROADCASTSD at+40(FP), Y9
	VADDPD       ·ramp(SB), Y9, Y9
	VBROADCASTSD ·ramp+32(SB), Y10
	SHLQ         $2, CX

loop:
	VMOVUPD (SI), Y0
	VSUBPD  Y8, Y0, Y0
	VMULPD  Y9, Y7, Y1
	VADDPD  Y10, Y9, Y9
	VSUBPD  Y1, Y0, Y0
	VMOVUPD Y0, (DI)
	ADDQ    $32, SI
	ADDQ    $32, DI
	DECQ    CX
	JNZ     loop
	VZEROUPPER
	RET

// func spread4(a, b, c, d *float64, src *byte, step, blocks int, scale float64)
//
// Four floats of each of four samples are four rows of a square, which is written as its columns.
TEXT ·spread4(SB), NOSPLIT, $0-64
	MOVQ         a+0(FP), R8
	MOVQ         b+8(FP), R9
	MOVQ         c+16(FP), R10
	MOVQ         d+24(FP), R11
	MOVQ         src+32(FP), SI
	MOVQ         step+40(FP), DX
	MOVQ         blocks+48(FP), CX
	VBROADCASTSD scale+56(FP), Y15
	XORQ         BX, BX

block:
	LEAQ       (SI)(DX*2), DI
	VCVTPS2PD  (SI), Y0
	VCVTPS2PD  (SI)(DX*1), Y1
	VCVTPS2PD  (DI), Y2
	VCVTPS2PD  (DI)(DX*1), Y3
	VMULPD     Y15, Y0, Y0
	VMULPD     Y15, Y1, Y1
	VMULPD     Y15, Y2, Y2
	VMULPD     Y15, Y3, Y3
	VUNPCKLPD  Y1, Y0, Y4
	VUNPCKHPD  Y1, Y0, Y5
	VUNPCKLPD  Y3, Y2, Y6
	VUNPCKHPD  Y3, Y2, Y7
	VPERM2F128 $0x20, Y6, Y4, Y8
	VPERM2F128 $0x20, Y7, Y5, Y9
	VPERM2F128 $0x31, Y6, Y4, Y10
	VPERM2F128 $0x31, Y7, Y5, Y11
	VMOVUPD    Y8, (R8)(BX*1)
	VMOVUPD    Y9, (R9)(BX*1)
	VMOVUPD    Y10, (R10)(BX*1)
	VMOVUPD    Y11, (R11)(BX*1)
	LEAQ       (DI)(DX*2), SI
	ADDQ       $32, BX
	DECQ       CX
	JNZ        block
	VZEROUPPER
	RET

// ramp is 0, 1, 2, 3 and the step of four numbers.
DATA ·ramp+0(SB)/8, $0.0
DATA ·ramp+8(SB)/8, $1.0
DATA ·ramp+16(SB)/8, $2.0
DATA ·ramp+24(SB)/8, $3.0
DATA ·ramp+32(SB)/8, $4.0
GLOBL ·ramp(SB), RODATA|NOPTR, $40

// func count16(x *float64, blocks int, a, b float64) int
//
// VCMPPD $0 (equal) sets all bits of each number that is equal, of which VANDPD leaves those of a one.
TEXT ·count16(SB), NOSPLIT, $0-40
	MOVQ         x+0(FP), SI
	MOVQ         blocks+8(FP), CX
	VBROADCASTSD a+16(FP), Y8
	VBROADCASTSD b+24(FP), Y9
	VBROADCASTSD ·ramp+8(SB), Y10
	VXORPD       Y0, Y0, Y0
	VXORPD       Y1, Y1, Y1
	SHLQ         $1, CX

loop:
	VMOVUPD (SI), Y4
	VMOVUPD 32(SI), Y5
	VCMPPD  $0, Y8, Y4, Y6
	VCMPPD  $0, Y9, Y4, Y4
	VCMPPD  $0, Y8, Y5, Y7
	VCMPPD  $0, Y9, Y5, Y5
	VORPD   Y4, Y6, Y6
	VORPD   Y5, Y7, Y7
	VANDPD  Y10, Y6, Y6
	VANDPD  Y10, Y7, Y7
	VADDPD  Y6, Y0, Y0
	VADDPD  Y7, Y1, Y1
	ADDQ    $64, SI
	DECQ    CX
	JNZ     loop

	VADDPD       Y1, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPD       X1, X0, X0
	VHADDPD      X0, X0, X0
	VCVTTSD2SIQ  X0, AX
	VZEROUPPER
	MOVQ         AX, ret+32(FP)
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
