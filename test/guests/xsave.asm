; Isolation of x87, SSE and AVX state: it survives what makes a hypervisor run in between. XCR0 and its rules.

%include "lib/guest.inc"

XSAVE_FEATURE equ 26                    ; CPUID.1:ECX
AVX_FEATURE equ 28
XCR0_X87 equ 1
XCR0_SSE equ 2
XCR0_AVX equ 4
XCR0_OPMASK equ 1 << 5

DUMMY_PORT equ 0x80

section .bss
    alignb 64
before:     resb 4096
after:      resb 4096
features:   resd 1                      ; CPUID.1:ECX

section .text
main:
    mov eax, 1
    cpuid
    mov [features], ecx
    call fill_legacy_state
    call check_legacy_state
    bt dword [features], XSAVE_FEATURE
    jnc .no_xsave
    mov rax, cr4
    or eax, CR4_OSXSAVE
    mov cr4, rax
    call check_xcr0
    call check_avx
    call check_avx512
    jmp check_xsave
.no_xsave:
    skip "XCR0 and AVX state", "no XSAVE"
    ret

; Gives each x87 and SSE register a value of its own.
fill_legacy_state:
    fninit
    fld1
    fldpi
    fldl2e
    fldl2t
    fldlg2
    fldln2
    fldz
    fld1
    fldcw [.control]
    ldmxcsr [.sse_control]
    mov rax, 0x1111111111111111
    mov rbx, rax
%assign register 0
%rep 16
    movq xmm %+ register, rax
    movlhps xmm %+ register, xmm %+ register
    add rax, rbx
  %assign register register + 1
%endrep
    ret
section .data
    align 4
fill_legacy_state.control:      dd 0x27f
fill_legacy_state.sse_control:  dd 0x5f80
section .text

; Runs %2 and checks that FXSAVE gives the same 512 bytes before and after.
%macro check_fxsave_over 2
    fxsave64 [before]
    %2
    fxsave64 [after]
    lea rsi, [before]
    lea rdi, [after]
    mov ecx, 512
    repe cmpsb
    check {"x87 and SSE state survive ", %1, ", to the byte"}, rcx, 0
%endmacro

check_legacy_state:
    check_fxsave_over "nothing", nop
    check_fxsave_over "CPUID", cpuid
    check_fxsave_over "OUT", {out 0x80, al}
    check_fxsave_over "IN", {in al, 0x80}
    check_fxsave_over "a line on the console", {call .print}
    mov ecx, IA32_MISC_ENABLE
    check_fxsave_over "RDMSR", rdmsr
    check_fxsave_over "WBINVD", wbinvd
    check_fxsave_over "a write to CR4", {call .write_cr4}
    check_fxsave_over "1000 times CPUID", {call .loop}
    ret
.print:
    survives "a check prints in between", nop
    ret
.write_cr4:
    mov rax, cr4
    xor eax, CR4_TSD
    mov cr4, rax
    xor eax, CR4_TSD
    mov cr4, rax
    ret
.loop:
    mov esi, 1000
.next:
    cpuid
    dec esi
    jnz .next
    ret

; RAX = XCR0. Changes RCX and RDX.
%macro read_xcr0 0
    xor ecx, ecx
    xgetbv
    shl rdx, 32
    or rax, rdx
%endmacro

; Checks that XSETBV of register %2 with EDX:EAX = %3 raises #GP(0).
%macro xcr_refuses 3
    mov ecx, %2
    mov eax, %3 & 0xffffffff
    mov edx, %3 >> 32
    raises %1, GP, 0, xsetbv
%endmacro

; SDM 1 13.3; SDM 2D, XSETBV; SDM 2C, XGETBV
check_xcr0:
    read_xcr0
    mov r12, rax
    and eax, XCR0_X87
    check "XCR0 always has x87 state", rax, XCR0_X87
    xcr_refuses "XCR0 refuses to be without x87 state", 0, 0
    xcr_refuses "XCR0 refuses AVX state without SSE state", 0, XCR0_X87 | XCR0_AVX
    xcr_refuses "XCR0 refuses bit 63", 0, XCR0_X87 | 1 << 63
    xcr_refuses "XCR0 refuses AVX-512 state without the rest of it", 0, XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_OPMASK
    xcr_refuses "XCR0 refuses one of the states of MPX alone", 0, XCR0_X87 | 1 << 3
    xcr_refuses "there is no XCR1 to be written", 1, XCR0_X87
    mov ecx, 0x10
    raises "there is no XCR16 to be read", GP, 0, xgetbv
    read_xcr0
    check "a refused write leaves XCR0 as it was", rax, r12
    try
    enter_user CODE64
    xor ecx, ecx
    mov eax, XCR0_X87
    xor edx, edx
    expect_here
    xsetbv
    caught
    check_exception "XSETBV at privilege level 3", GP, 0
    try
    enter_user CODE64
    xor ecx, ecx
    xgetbv
    expect_here
    ud2
    caught
    check_exception "XGETBV works at privilege level 3", UD, none
    ; Each state that leaf 0DH offers can be enabled, all together.
    mov eax, 0xd
    xor ecx, ecx
    cpuid
    and eax, 0xe7
    mov r13d, eax
    xor ecx, ecx
    xor edx, edx
    xsetbv
    read_xcr0
    check "XCR0 holds all states that leaf 0DH offers", rax, r13
    mov eax, XCR0_X87 | XCR0_SSE
    xor edx, edx
    xsetbv
    read_xcr0
    check "XCR0 holds x87 and SSE state alone", rax, XCR0_X87 | XCR0_SSE
    bt dword [features], AVX_FEATURE
    jnc .no_avx
    raises "AVX is undefined without its state in XCR0", UD, none, {vaddps ymm0, ymm1, ymm2}
.no_avx:
    ret

%macro check_ymm_over 2
    call fill_ymm
    %2
    call compare_ymm
    check {"the upper halves of YMM0 to YMM15 survive ", %1}, rax, 16
%endmacro

check_avx:
    bt dword [features], AVX_FEATURE
    jnc .none
    xor ecx, ecx
    xor edx, edx
    mov eax, XCR0_X87 | XCR0_SSE | XCR0_AVX
    xsetbv
    check_ymm_over "CPUID", cpuid
    check_ymm_over "OUT", {out 0x80, al}
    check_ymm_over "XSETBV", {call .write_xcr0}
    check_ymm_over "a line on the console", {call .print}
    check_ymm_over "a value of XCR0 without AVX", {call .without_avx}
    ret
.none:
    skip "the upper halves of YMM0 to YMM15 survive CPUID", "no AVX"
    ret
.without_avx:
    mov eax, XCR0_X87 | XCR0_SSE
    xor ecx, ecx
    xor edx, edx
    xsetbv
    cpuid
.write_xcr0:
    mov eax, XCR0_X87 | XCR0_SSE | XCR0_AVX
    xor ecx, ecx
    xor edx, edx
    xsetbv
    ret
.print:
    survives "a check prints between two uses of AVX", nop
    ret

; Fills each YMM register with the bytes of a value of its own.
fill_ymm:
    mov eax, 0x01010101
    mov ebx, eax
%assign register 0
%rep 16
    vmovd xmm %+ register, eax
    vpshufd xmm %+ register, xmm %+ register, 0
    vinsertf128 ymm %+ register, ymm %+ register, xmm %+ register, 1
    add eax, ebx
  %assign register register + 1
%endrep
    ret

; RAX = how many upper halves are as fill_ymm made them.
compare_ymm:
    xor eax, eax
    mov ebx, 0x01010101
    mov edx, ebx
%assign register 0
%rep 16
    vextractf128 [after], ymm %+ register, 1
    cmp [after], edx
    sete cl
    cmp [after + 12], edx
    sete ch
    and cl, ch
    movzx ecx, cl
    add eax, ecx
    add edx, ebx
  %assign register register + 1
%endrep
    ret

XCR0_AVX512 equ 0xe7

; ZMM31, which lies in two states of its own, and a mask register.
check_avx512:
    mov eax, 0xd
    xor ecx, ecx
    cpuid
    not eax
    test eax, XCR0_AVX512
    jnz .none
    xor ecx, ecx
    xor edx, edx
    mov eax, XCR0_AVX512
    xsetbv
    mov eax, 0x12345678
    kmovw k1, eax
    vpbroadcastd zmm31, eax
    vpbroadcastd zmm0, eax
    cpuid
    out DUMMY_PORT, al
    mov rsi, 0x1234567812345678
    vmovdqu32 [after], zmm31
    check "the upper half of ZMM31 survives CPUID and OUT", qword [after + 56], rsi
    vmovdqu32 [after], zmm0
    check "the upper half of ZMM0 survives CPUID and OUT", qword [after + 56], rsi
    kmovw eax, k1
    check "mask register K1 survives CPUID and OUT", rax, 0x5678
    ret
.none:
    skip "the upper half of ZMM31 survives CPUID and OUT", "no AVX-512"
    ret

; SDM 1 13.7, 13.8
check_xsave:
    mov eax, XCR0_X87 | XCR0_SSE
    xor ecx, ecx
    xor edx, edx
    xsetbv
    call fill_legacy_state
    mov eax, -1
    mov edx, -1
    xsave64 [before]
    cpuid
    mov eax, [before + 512]
    check "XSAVE says which states it wrote", rax, XCR0_X87 | XCR0_SSE
    pxor xmm5, xmm5
    fninit
    mov eax, XCR0_X87 | XCR0_SSE
    xor edx, edx
    xrstor64 [before]
    fxsave64 [after]
    lea rsi, [before + 32]
    lea rdi, [after + 32]
    mov ecx, 384
    repe cmpsb
    check "XRSTOR brings back what XSAVE wrote", rcx, 0
    mov dword [before + 512], 0
    mov dword [before + 516], 1 << 31
    raises "XRSTOR refuses a state that XCR0 does not have", GP, 0, {xrstor64 [before]}
    lea rbx, [before + 8]
    raises "XSAVE refuses an area that is not aligned to 64 bytes", GP, 0, {xsave64 [rbx]}
    mov rax, cr0
    or eax, CR0_TS
    mov cr0, rax
    raises "XSAVE with CR0.TS", NM, none, {xsave64 [before]}
    clts
    ret
