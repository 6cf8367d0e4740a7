#include "textflag.h"

// func runPair(buf *float64, stride, n int, coef *[10][4]float64, state *[4][4]float64)
//
// Y0-Y3 are the states, Y4-Y12 the coefficients b0 b1 b2 a1 a2 of the first section and b0 b1 b2 a1 of the second, whose a2
// stays in memory; Y13-Y15 hold sample, output and products. Products are rounded before they are added, as in SOS.run.
TEXT ·runPair(SB), NOSPLIT, $0-40
	MOVQ buf+0(FP), DI
	MOVQ stride+8(FP), BX
	MOVQ n+16(FP), CX
	MOVQ coef+24(FP), SI
	MOVQ state+32(FP), DX
	TESTQ CX, CX
	JLE  done
	VMOVUPD 0(DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	VMOVUPD 96(DX), Y3
	VMOVUPD 0(SI), Y4
	VMOVUPD 32(SI), Y5
	VMOVUPD 64(SI), Y6
	VMOVUPD 96(SI), Y7
	VMOVUPD 128(SI), Y8
	VMOVUPD 160(SI), Y9
	VMOVUPD 192(SI), Y10
	VMOVUPD 224(SI), Y11
	VMOVUPD 256(SI), Y12

loop:
	VMOVUPD (DI), Y13
	VMULPD  Y13, Y4, Y14  // w = b0·v + z0
	VADDPD  Y0, Y14, Y14
	VMULPD  Y13, Y5, Y15  // z0 = (b1·v + z1) - a1·w
	VADDPD  Y1, Y15, Y15
	VMULPD  Y14, Y7, Y0
	VSUBPD  Y0, Y15, Y0
	VMULPD  Y13, Y6, Y15  // z1 = b2·v - a2·w
	VMULPD  Y14, Y8, Y1
	VSUBPD  Y1, Y15, Y1
	VMULPD  Y14, Y9, Y13  // the second section, of w
	VADDPD  Y2, Y13, Y13
	VMULPD  Y14, Y10, Y15
	VADDPD  Y3, Y15, Y15
	VMULPD  Y13, Y12, Y2
	VSUBPD  Y2, Y15, Y2
	VMULPD  Y14, Y11, Y15
	VMULPD  288(SI), Y13, Y3
	VSUBPD  Y3, Y15, Y3
	VMOVUPD Y13, (DI)
	ADDQ    BX, DI
	DECQ    CX
	JNZ     loop

	VMOVUPD Y0, 0(DX)
	VMOVUPD Y1, 32(DX)
	VMOVUPD Y2, 64(DX)
	VMOVUPD Y3, 96(DX)
	VZEROUPPER

done:
	RET

// A band-pass section has zeros at 0 Hz and at half the rate, numerator 1, 0, -1: with both states of the opposite sign its step is
//
//	w = v - z0,  z0 = z1 + a1·w,  z1 = v + a2·w
//
// which rounds as SOS.run does. a1 and a2 are in memory, four times over.
#define SECTION(v, w, z0, z1, at) \
	VSUBPD z0, v, w         \
	VMULPD at(SI), w, Y15   \
	VADDPD z1, Y15, z0      \
	VMULPD at+32(SI), w, Y15 \
	VADDPD v, Y15, z1

// func runTwo(buf *float64, stride, n int, coef *[13][4]float64, state *[12][4]float64)
TEXT ·runTwo(SB), NOSPLIT, $0-40
	MOVQ buf+0(FP), DI
	MOVQ stride+8(FP), BX
	MOVQ n+16(FP), CX
	MOVQ coef+24(FP), SI
	MOVQ state+32(FP), DX
	VMOVUPD 0(DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	VMOVUPD 96(DX), Y3

two:
	VMOVUPD (DI), Y13
	VMULPD  384(SI), Y13, Y13
	SECTION(Y13, Y14, Y0, Y1, 0)
	SECTION(Y14, Y13, Y2, Y3, 64)
	VMOVUPD Y13, (DI)
	ADDQ    BX, DI
	DECQ    CX
	JNZ     two
	VZEROUPPER
	RET

// func runFour(buf *float64, stride, n int, coef *[13][4]float64, state *[12][4]float64)
TEXT ·runFour(SB), NOSPLIT, $0-40
	MOVQ buf+0(FP), DI
	MOVQ stride+8(FP), BX
	MOVQ n+16(FP), CX
	MOVQ coef+24(FP), SI
	MOVQ state+32(FP), DX
	VMOVUPD 0(DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	VMOVUPD 96(DX), Y3
	VMOVUPD 128(DX), Y4
	VMOVUPD 160(DX), Y5
	VMOVUPD 192(DX), Y6
	VMOVUPD 224(DX), Y7

four:
	VMOVUPD (DI), Y13
	VMULPD  384(SI), Y13, Y13
	SECTION(Y13, Y14, Y0, Y1, 0)
	SECTION(Y14, Y13, Y2, Y3, 64)
	SECTION(Y13, Y14, Y4, Y5, 128)
	SECTION(Y14, Y13, Y6, Y7, 192)
	VMOVUPD Y13, (DI)
	ADDQ    BX, DI
	DECQ    CX
	JNZ     four
	VZEROUPPER
	RET

// func runSix(buf *float64, stride, n int, coef *[13][4]float64, state *[12][4]float64)
TEXT ·runSix(SB), NOSPLIT, $0-40
	MOVQ buf+0(FP), DI
	MOVQ stride+8(FP), BX
	MOVQ n+16(FP), CX
	MOVQ coef+24(FP), SI
	MOVQ state+32(FP), DX
	VMOVUPD 0(DX), Y0
	VMOVUPD 32(DX), Y1
	VMOVUPD 64(DX), Y2
	VMOVUPD 96(DX), Y3
	VMOVUPD 128(DX), Y4
	VMOVUPD 160(DX), Y5
	VMOVUPD 192(DX), Y6
	VMOVUPD 224(DX), Y7
	VMOVUPD 256(DX), Y8
	VMOVUPD 288(DX), Y9
	VMOVUPD 320(DX), Y10
	VMOVUPD 352(DX), Y11

six:
	VMOVUPD (DI), Y13
	VMULPD  384(SI), Y13, Y13
	SECTION(Y13, Y14, Y0, Y1, 0)
	SECTION(Y14, Y13, Y2, Y3, 64)
	SECTION(Y13, Y14, Y4, Y5, 128)
	SECTION(Y14, Y13, Y6, Y7, 192)
	SECTION(Y13, Y14, Y8, Y9, 256)
	SECTION(Y14, Y13, Y10, Y11, 320)
	VMOVUPD Y13, (DI)
	ADDQ    BX, DI
	DECQ    CX
	JNZ     six
	VZEROUPPER
	RET

// The transpose of four vectors of four: of each number from Y0, Y1, Y2 and Y3 to Y8, Y9, Y10 and Y11.
#define TRANSPOSE \
	VUNPCKLPD  Y1, Y0, Y4       \
	VUNPCKHPD  Y1, Y0, Y5       \
	VUNPCKLPD  Y3, Y2, Y6       \
	VUNPCKHPD  Y3, Y2, Y7       \
	VPERM2F128 $0x20, Y6, Y4, Y8  \
	VPERM2F128 $0x20, Y7, Y5, Y9  \
	VPERM2F128 $0x31, Y6, Y4, Y10 \
	VPERM2F128 $0x31, Y7, Y5, Y11

// func weave4(dst, a, b, c, d *float64, blocks int)
TEXT ·weave4(SB), NOSPLIT, $0-48
	MOVQ dst+0(FP), DI
	MOVQ a+8(FP), R8
	MOVQ b+16(FP), R9
	MOVQ c+24(FP), R10
	MOVQ d+32(FP), R11
	MOVQ blocks+40(FP), CX
	XORQ BX, BX

weave:
	VMOVUPD (R8)(BX*1), Y0
	VMOVUPD (R9)(BX*1), Y1
	VMOVUPD (R10)(BX*1), Y2
	VMOVUPD (R11)(BX*1), Y3
	TRANSPOSE
	VMOVUPD Y8, (DI)
	VMOVUPD Y9, 32(DI)
	VMOVUPD Y10, 64(DI)
	VMOVUPD Y11, 96(DI)
	ADDQ    $128, DI
	ADDQ    $32, BX
	DECQ    CX
	JNZ     weave
	VZEROUPPER
	RET

// func unweave4(a, b, c, d, src *float64, blocks int)
TEXT ·unweave4(SB), NOSPLIT, $0-48
	MOVQ a+0(FP), R8
	MOVQ b+8(FP), R9
	MOVQ c+16(FP), R10
	MOVQ d+24(FP), R11
	MOVQ src+32(FP), DI
	MOVQ blocks+40(FP), CX
	XORQ BX, BX

unweave:
	VMOVUPD (DI), Y0
	VMOVUPD 32(DI), Y1
	VMOVUPD 64(DI), Y2
	VMOVUPD 96(DI), Y3
	TRANSPOSE
	VMOVUPD Y8, (R8)(BX*1)
	VMOVUPD Y9, (R9)(BX*1)
	VMOVUPD Y10, (R10)(BX*1)
	VMOVUPD Y11, (R11)(BX*1)
	ADDQ    $128, DI
	ADDQ    $32, BX
	DECQ    CX
	JNZ     unweave
	VZEROUPPER
	RET

// func taps4(dst, x, taps *float64, n int)
//
// The sum of n groups of four numbers from x on, each group times its tap.
TEXT ·taps4(SB), NOSPLIT, $0-32
	MOVQ   dst+0(FP), DI
	MOVQ   x+8(FP), SI
	MOVQ   taps+16(FP), R8
	MOVQ   n+24(FP), BX
	VXORPD Y0, Y0, Y0
	VXORPD Y1, Y1, Y1
	VXORPD Y2, Y2, Y2
	VXORPD Y3, Y3, Y3
	MOVQ   BX, CX
	SHRQ   $2, CX
	JZ     left

taps:
	VBROADCASTSD (R8), Y4
	VBROADCASTSD 8(R8), Y5
	VBROADCASTSD 16(R8), Y6
	VBROADCASTSD 24(R8), Y7
	VMULPD       (SI), Y4, Y4
	VMULPD       32(SI), Y5, Y5
	VMULPD       64(SI), Y6, Y6
	VMULPD       96(SI), Y7, Y7
	VADDPD       Y4, Y0, Y0
	VADDPD       Y5, Y1, Y1
	VADDPD       Y6, Y2, Y2
	VADDPD       Y7, Y3, Y3
	ADDQ         $32, R8
	ADDQ         $128, SI
	DECQ         CX
	JNZ          taps

left:
	ANDQ $3, BX
	JZ   done4

tap:
	VBROADCASTSD (R8), Y4
	VMULPD       (SI), Y4, Y4
	VADDPD       Y4, Y0, Y0
	ADDQ         $8, R8
	ADDQ         $32, SI
	DECQ         BX
	JNZ          tap

done4:
	VADDPD  Y1, Y0, Y0
	VADDPD  Y3, Y2, Y2
	VADDPD  Y2, Y0, Y0
	VMOVUPD Y0, (DI)
	VZEROUPPER
	RET
