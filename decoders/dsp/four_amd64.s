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
