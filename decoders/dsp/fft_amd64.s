#include "textflag.h"

// Transforms of four signals side by side: a complex number is four real parts and four imaginary ones. The steps are those of the passes in fft.go,
// in the same order.

// TURN multiplies re + i·im by the root at AX and writes it to DI+to; Y14, Y15, t and u are overwritten.
#define TURN(re, im, root, to, t, u) \
	VBROADCASTSD root(AX), Y14   \
	VBROADCASTSD root+8(AX), Y15 \
	VMULPD       re, Y14, t      \
	VMULPD       im, Y15, u      \
	VSUBPD       u, t, t         \
	VMOVUPD      t, (to)         \
	VMULPD       re, Y15, t      \
	VMULPD       im, Y14, u      \
	VADDPD       u, t, t         \
	VMOVUPD      t, 32(to)

// func pass2(y, x *float64, stride, part int, turns *complex128)
//
// part is how many numbers a part of x has, a multiple of stride.
TEXT ·pass2(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R12
	MOVQ part+24(FP), R13
	MOVQ turns+32(FP), AX
	MOVQ R13, DX           // numbers that are left
	MOVQ R12, R14
	SHLQ $6, R14           // bytes of a stride
	SHLQ $6, R13           // bytes of a part

root2:
	MOVQ R12, CX

next2:
	VMOVUPD (SI), Y0
	VMOVUPD 32(SI), Y1
	VMOVUPD (SI)(R13*1), Y2
	VMOVUPD 32(SI)(R13*1), Y3
	VADDPD  Y2, Y0, Y4
	VADDPD  Y3, Y1, Y5
	VSUBPD  Y2, Y0, Y6
	VSUBPD  Y3, Y1, Y7
	VMOVUPD Y4, (DI)
	VMOVUPD Y5, 32(DI)
	LEAQ    (DI)(R14*1), R8
	TURN(Y6, Y7, 0, R8, Y8, Y9)
	ADDQ    $64, SI
	ADDQ    $64, DI
	DECQ    CX
	JNZ     next2
	ADDQ    R14, DI
	ADDQ    $16, AX
	SUBQ    R12, DX
	JNZ     root2
	VZEROUPPER
	RET

// func pass3(y, x *float64, stride, part int, turns *complex128)
TEXT ·pass3(SB), NOSPLIT, $0-40
	MOVQ         y+0(FP), DI
	MOVQ         x+8(FP), SI
	MOVQ         stride+16(FP), R12
	MOVQ         part+24(FP), R13
	MOVQ         turns+32(FP), AX
	MOVQ         R13, DX
	MOVQ         R12, R14
	SHLQ         $6, R14
	SHLQ         $6, R13
	VBROADCASTSD ·fftConst+0(SB), Y12 // 0.5
	VBROADCASTSD ·fftConst+8(SB), Y13 // sin 60°

root3:
	MOVQ R12, CX

next3:
	LEAQ    (SI)(R13*1), R8
	VMOVUPD (SI), Y0
	VMOVUPD 32(SI), Y1
	VMOVUPD (R8), Y2
	VMOVUPD 32(R8), Y3
	VMOVUPD (R8)(R13*1), Y4
	VMOVUPD 32(R8)(R13*1), Y5
	VADDPD  Y4, Y2, Y6         // sum
	VADDPD  Y5, Y3, Y7
	VSUBPD  Y4, Y2, Y2         // difference
	VSUBPD  Y5, Y3, Y3
	VADDPD  Y6, Y0, Y8
	VADDPD  Y7, Y1, Y9
	VMOVUPD Y8, (DI)
	VMOVUPD Y9, 32(DI)
	VMULPD  Y6, Y12, Y6
	VMULPD  Y7, Y12, Y7
	VSUBPD  Y6, Y0, Y0         // t
	VSUBPD  Y7, Y1, Y1
	VMULPD  Y3, Y13, Y3        // re r
	VMULPD  Y2, Y13, Y2        // -im r
	VADDPD  Y3, Y0, Y4
	VSUBPD  Y2, Y1, Y5
	VSUBPD  Y3, Y0, Y6
	VADDPD  Y2, Y1, Y7
	LEAQ    (DI)(R14*1), R8
	LEAQ    (DI)(R14*2), R9
	TURN(Y4, Y5, 0, R8, Y8, Y9)
	TURN(Y6, Y7, 16, R9, Y8, Y9)
	ADDQ    $64, SI
	ADDQ    $64, DI
	DECQ    CX
	JNZ     next3
	LEAQ    (DI)(R14*2), DI
	ADDQ    $32, AX
	SUBQ    R12, DX
	JNZ     root3
	VZEROUPPER
	RET

// func pass4(y, x *float64, stride, part int, turns *complex128)
TEXT ·pass4(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R12
	MOVQ part+24(FP), R13
	MOVQ turns+32(FP), AX
	MOVQ R13, DX
	MOVQ R12, R14
	SHLQ $6, R14
	SHLQ $6, R13

root4:
	MOVQ R12, CX

next4:
	LEAQ    (SI)(R13*1), R8
	LEAQ    (SI)(R13*2), R9
	LEAQ    (R9)(R13*1), R10
	VMOVUPD (SI), Y0
	VMOVUPD 32(SI), Y1
	VMOVUPD (R8), Y2
	VMOVUPD 32(R8), Y3
	VMOVUPD (R9), Y4
	VMOVUPD 32(R9), Y5
	VMOVUPD (R10), Y6
	VMOVUPD 32(R10), Y7
	VADDPD  Y4, Y0, Y8     // a + c
	VADDPD  Y5, Y1, Y9
	VSUBPD  Y4, Y0, Y0     // a - c
	VSUBPD  Y5, Y1, Y1
	VADDPD  Y6, Y2, Y10    // b + d
	VADDPD  Y7, Y3, Y11
	VSUBPD  Y6, Y2, Y2     // b - d
	VSUBPD  Y7, Y3, Y3
	VADDPD  Y10, Y8, Y4
	VADDPD  Y11, Y9, Y5
	VMOVUPD Y4, (DI)
	VMOVUPD Y5, 32(DI)
	VSUBPD  Y10, Y8, Y8
	VSUBPD  Y11, Y9, Y9
	LEAQ    (DI)(R14*1), R8
	LEAQ    (DI)(R14*2), R9
	LEAQ    (R9)(R14*1), R10
	VADDPD  Y3, Y0, Y4
	VSUBPD  Y2, Y1, Y5
	TURN(Y4, Y5, 0, R8, Y6, Y7)
	TURN(Y8, Y9, 16, R9, Y6, Y7)
	VSUBPD  Y3, Y0, Y4
	VADDPD  Y2, Y1, Y5
	TURN(Y4, Y5, 32, R10, Y6, Y7)
	ADDQ    $64, SI
	ADDQ    $64, DI
	DECQ    CX
	JNZ     next4
	LEAQ    (R14)(R14*2), R8
	ADDQ    R8, DI
	ADDQ    $48, AX
	SUBQ    R12, DX
	JNZ     root4
	VZEROUPPER
	RET

// func pass5(y, x *float64, stride, part int, turns *complex128)
TEXT ·pass5(SB), NOSPLIT, $0-40
	MOVQ y+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ stride+16(FP), R12
	MOVQ part+24(FP), R13
	MOVQ turns+32(FP), AX
	MOVQ R13, DX
	MOVQ R12, R14
	SHLQ $6, R14
	SHLQ $6, R13
	LEAQ ·fftFive(SB), BX  // cos 72°, cos 144°, sin 72°, sin 144°

root5:
	MOVQ R12, CX

next5:
	LEAQ    (SI)(R13*1), R8
	LEAQ    (SI)(R13*2), R9
	LEAQ    (R9)(R13*1), R10
	LEAQ    (R9)(R13*2), R11
	VMOVUPD (SI), Y0
	VMOVUPD 32(SI), Y1
	VMOVUPD (R8), Y2
	VMOVUPD 32(R8), Y3
	VMOVUPD (R9), Y4
	VMOVUPD 32(R9), Y5
	VMOVUPD (R10), Y6
	VMOVUPD 32(R10), Y7
	VMOVUPD (R11), Y8
	VMOVUPD 32(R11), Y9
	VADDPD  Y8, Y2, Y10    // b + e in Y10, Y8
	VSUBPD  Y8, Y2, Y2     // b - e in Y2, Y3
	VADDPD  Y9, Y3, Y8
	VSUBPD  Y9, Y3, Y3
	VADDPD  Y6, Y4, Y9     // c + d in Y9, Y6
	VSUBPD  Y6, Y4, Y4     // c - d in Y4, Y5
	VADDPD  Y7, Y5, Y6
	VSUBPD  Y7, Y5, Y5
	VADDPD  Y10, Y0, Y7
	VADDPD  Y9, Y7, Y7
	VMOVUPD Y7, (DI)
	VADDPD  Y8, Y1, Y7
	VADDPD  Y6, Y7, Y7
	VMOVUPD Y7, 32(DI)
	VMULPD  (BX), Y10, Y11 // t1 in Y11, Y12
	VADDPD  Y11, Y0, Y11
	VMULPD  32(BX), Y9, Y7
	VADDPD  Y7, Y11, Y11
	VMULPD  (BX), Y8, Y12
	VADDPD  Y12, Y1, Y12
	VMULPD  32(BX), Y6, Y7
	VADDPD  Y7, Y12, Y12
	VMULPD  32(BX), Y10, Y13 // t2 in Y13, Y10
	VADDPD  Y13, Y0, Y13
	VMULPD  (BX), Y9, Y7
	VADDPD  Y7, Y13, Y13
	VMULPD  32(BX), Y8, Y10
	VADDPD  Y10, Y1, Y10
	VMULPD  (BX), Y6, Y7
	VADDPD  Y7, Y10, Y10
	VMULPD  64(BX), Y3, Y0 // re r1 in Y0, -im r1 in Y1
	VMULPD  96(BX), Y5, Y7
	VADDPD  Y7, Y0, Y0
	VMULPD  64(BX), Y2, Y1
	VMULPD  96(BX), Y4, Y7
	VADDPD  Y7, Y1, Y1
	VMULPD  96(BX), Y3, Y3 // re r2 in Y3, -im r2 in Y2
	VMULPD  64(BX), Y5, Y5
	VSUBPD  Y5, Y3, Y3
	VMULPD  96(BX), Y2, Y2
	VMULPD  64(BX), Y4, Y4
	VSUBPD  Y4, Y2, Y2
	LEAQ    (DI)(R14*1), R8
	LEAQ    (DI)(R14*2), R9
	LEAQ    (R9)(R14*1), R10
	LEAQ    (R9)(R14*2), R11
	VADDPD  Y0, Y11, Y4
	VSUBPD  Y1, Y12, Y5
	TURN(Y4, Y5, 0, R8, Y6, Y7)
	VADDPD  Y3, Y13, Y4
	VSUBPD  Y2, Y10, Y5
	TURN(Y4, Y5, 16, R9, Y6, Y7)
	VSUBPD  Y3, Y13, Y4
	VADDPD  Y2, Y10, Y5
	TURN(Y4, Y5, 32, R10, Y6, Y7)
	VSUBPD  Y0, Y11, Y4
	VADDPD  Y1, Y12, Y5
	TURN(Y4, Y5, 48, R11, Y6, Y7)
	ADDQ    $64, SI
	ADDQ    $64, DI
	DECQ    CX
	JNZ     next5
	LEAQ    (DI)(R14*4), DI
	ADDQ    $64, AX
	SUBQ    R12, DX
	JNZ     root5
	VZEROUPPER
	RET

// func powers4(p, z *float64, half, n int, turn *complex128)
//
// Of the n pairs of numbers k and half-k from k = 1 on, the squares of both coefficients are added to p.
TEXT ·powers4(SB), NOSPLIT, $0-40
	MOVQ         p+0(FP), DI
	MOVQ         z+8(FP), SI
	MOVQ         half+16(FP), R12
	MOVQ         n+24(FP), CX
	MOVQ         turn+32(FP), AX
	MOVQ         R12, R13
	SHLQ         $5, R12
	SHLQ         $6, R13
	LEAQ         (DI)(R12*1), R9      // p[half]
	LEAQ         (SI)(R13*1), R8      // z[half]
	VBROADCASTSD ·fftConst+0(SB), Y12

pair:
	ADDQ         $64, SI
	ADDQ         $32, DI
	ADDQ         $16, AX
	SUBQ         $64, R8
	SUBQ         $32, R9
	VMOVUPD      (SI), Y0
	VMOVUPD      32(SI), Y1
	VMOVUPD      (R8), Y2
	VMOVUPD      32(R8), Y3
	VADDPD       Y2, Y0, Y4  // even samples
	VSUBPD       Y3, Y1, Y5
	VADDPD       Y3, Y1, Y6  // odd samples
	VSUBPD       Y0, Y2, Y7
	VBROADCASTSD (AX), Y14
	VBROADCASTSD 8(AX), Y15
	VMULPD       Y14, Y6, Y8
	VMULPD       Y15, Y7, Y9
	VSUBPD       Y9, Y8, Y8
	VMULPD       Y15, Y6, Y9
	VMULPD       Y14, Y7, Y10
	VADDPD       Y10, Y9, Y9
	VADDPD       Y8, Y4, Y0
	VADDPD       Y9, Y5, Y1
	VSUBPD       Y8, Y4, Y2
	VSUBPD       Y5, Y9, Y3
	VMULPD       Y12, Y0, Y0
	VMULPD       Y12, Y1, Y1
	VMULPD       Y12, Y2, Y2
	VMULPD       Y12, Y3, Y3
	VMULPD       Y0, Y0, Y0
	VMULPD       Y1, Y1, Y1
	VMULPD       Y2, Y2, Y2
	VMULPD       Y3, Y3, Y3
	VADDPD       Y1, Y0, Y0
	VADDPD       Y3, Y2, Y2
	VADDPD       (DI), Y0, Y0
	VADDPD       (R9), Y2, Y2
	VMOVUPD      Y0, (DI)
	VMOVUPD      Y2, (R9)
	DECQ         CX
	JNZ          pair
	VZEROUPPER
	RET

// func window4(x, w *float64, n int)
TEXT ·window4(SB), NOSPLIT, $0-24
	MOVQ x+0(FP), DI
	MOVQ w+8(FP), SI
	MOVQ n+16(FP), CX

weight:
	VBROADCASTSD (SI), Y0
	VMULPD       (DI), Y0, Y0
	VMOVUPD      Y0, (DI)
	ADDQ         $8, SI
	ADDQ         $32, DI
	DECQ         CX
	JNZ          weight
	VZEROUPPER
	RET

DATA ·fftConst+0(SB)/8, $0.5
DATA ·fftConst+8(SB)/8, $0.866025403784438646763723170752936183
GLOBL ·fftConst(SB), RODATA|NOPTR, $16

DATA ·fftFive+0(SB)/8, $0.309016994374947424102293417182819059
DATA ·fftFive+8(SB)/8, $0.309016994374947424102293417182819059
DATA ·fftFive+16(SB)/8, $0.309016994374947424102293417182819059
DATA ·fftFive+24(SB)/8, $0.309016994374947424102293417182819059
DATA ·fftFive+32(SB)/8, $-0.809016994374947424102293417182819059
DATA ·fftFive+40(SB)/8, $-0.809016994374947424102293417182819059
DATA ·fftFive+48(SB)/8, $-0.809016994374947424102293417182819059
DATA ·fftFive+56(SB)/8, $-0.809016994374947424102293417182819059
DATA ·fftFive+64(SB)/8, $0.951056516295153572116439333379382143
DATA ·fftFive+72(SB)/8, $0.951056516295153572116439333379382143
DATA ·fftFive+80(SB)/8, $0.951056516295153572116439333379382143
DATA ·fftFive+88(SB)/8, $0.951056516295153572116439333379382143
DATA ·fftFive+96(SB)/8, $0.587785252292473129168705954639072769
DATA ·fftFive+104(SB)/8, $0.587785252292473129168705954639072769
DATA ·fftFive+112(SB)/8, $0.587785252292473129168705954639072769
DATA ·fftFive+120(SB)/8, $0.587785252292473129168705954639072769
GLOBL ·fftFive(SB), RODATA|NOPTR, $128
