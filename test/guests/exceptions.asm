; Exceptions of every vector that software can provoke: what raises them, their error codes, the frame, and those on
; the way to a handler. (#TS is in tasks.asm, #DB in debug.asm.)

%include "lib/guest.inc"

NOT_CANONICAL equ 0x800000001000
CR2_POISON equ 0x5555000
PRESENT_BYTE equ 5                      ; of a gate, bit 7: present; of a descriptor too
PRESENT_BIT equ 0x80

main:
    call check_faults
    call check_selector_errors
    call check_page_faults
    call check_floating_point
    call check_alignment
    call check_interrupt_instructions
    call check_frame
    call check_delivery
    jmp check_protected_mode

; SDM 3A 6.15
check_faults:
    xor ecx, ecx
    raises "DIV by 0", DE, none, div ecx
    mov eax, 0
    mov edx, 0x80000000
    mov ecx, 1
    raises "IDIV whose quotient does not fit", DE, none, idiv ecx
    raises "UD2", UD, none, ud2
    raises "UD1", UD, none, {db 0x0f, 0xb9, 0xc0}
    raises "LOCK where it must not be", UD, none, {db 0xf0, 0x90}
    raises "PUSH ES in 64-bit mode", UD, none, {db 0x06}
    raises "INTO in 64-bit mode", UD, none, {db 0xce}
    raises "AAM in 64-bit mode", UD, none, {db 0xd4, 0x0a}
    raises "far JMP with an immediate in 64-bit mode", UD, none, {db 0xea, 0, 0, 0, 0, 8, 0}
    raises "MOV to CS", UD, none, {db 0x8e, 0xc8}
    ; An instruction has 15 bytes at most (SDM 3A 6.15, #GP).
    raises "an instruction of 16 bytes", GP, 0, {db 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90}
    survives "an instruction of 15 bytes", {db 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x90}
    mov rbx, NOT_CANONICAL
    raises "a read at a non-canonical address", GP, 0, {mov al, [rbx]}
    raises "a write at a non-canonical address", GP, 0, {mov [rbx], al}
    mov rbp, rbx
    raises "a read at a non-canonical address through RBP", SS, 0, {mov al, [rbp]}
    mov rsi, rsp
    try
    mov rsp, rbx
    expect_here
    push rax
    caught
    check_exception "PUSH to a non-canonical address", SS, 0
    mov eax, 1
    mov [.aligned + 1], al
    raises "MOVAPS of an unaligned operand", GP, 0, {movaps xmm0, [.aligned + 1]}
    push rbx
    raises "RET to a non-canonical address", GP, 0, ret
    add rsp, 8
    raises "JMP to a non-canonical address", GP, 0, jmp rbx
    ret
section .data
    align 16
check_faults.aligned: times 32 db 0
section .text

; Puts descriptor %1 into the first spare place.
%macro spare_descriptor 1
    mov rax, %1
    mov [spare_descriptors], rax
%endmacro

check_selector_errors:
    spare_descriptor 0x00cf13000000ffff
    mov eax, SELECTOR_SPARE
    raises "a data segment that is not present", NP, SELECTOR_SPARE, {mov ds, eax}
    raises "a stack segment that is not present", SS, SELECTOR_SPARE, {mov ss, eax}
    mov eax, 0xfff8
    raises "a selector beyond the descriptor table", GP, 0xfff8, {mov es, eax}
    mov eax, SELECTOR_TSS
    raises "a system segment for a data segment", GP, SELECTOR_TSS, {mov fs, eax}
    ret

; Makes the page at OWN_PAGES what %1 says.
%macro own_page 1
    mov rax, %1
    mov [own_pages], rax
    invlpg [abs OWN_PAGES]
%endmacro

PAGE equ 0x200000

; SDM 3A 4.7
check_page_faults:
    own_page 0
    raises "a read of a page that is not present", PF, 0, {mov al, [abs OWN_PAGES + 0x123]}
    check "CR2 holds the address", qword [exception.cr2], OWN_PAGES + 0x123
    raises "a write to a page that is not present", PF, 2, {mov [abs OWN_PAGES], al}
    mov ebx, OWN_PAGES
    try
    mov qword [recovery.expected_rip], OWN_PAGES
    jmp rbx
    caught
    check_exception "a fetch from a page that is not present", PF, 0x10
    own_page PAGE_PRESENT | PAGE
    raises "a write to a read-only page", PF, 3, {mov [abs OWN_PAGES], al}
    own_page PAGE_PRESENT | PAGE_WRITABLE | PAGE | 1 << 63
    try
    mov qword [recovery.expected_rip], OWN_PAGES
    jmp rbx
    caught
    check_exception "a fetch from an execute-disable page", PF, 0x11
    try
    enter_user CODE64
    mov al, [abs OWN_PAGES]
    caught
    check_exception "a user's read of a supervisor page", PF, 5
    try
    enter_user CODE64
    mov [abs OWN_PAGES], al
    caught
    check_exception "a user's write to a supervisor page", PF, 7
    own_page 0
    try
    enter_user CODE64
    mov al, [abs OWN_PAGES]
    caught
    check_exception "a user's read of a page that is not present", PF, 4
    own_page PAGE_ALL | PAGE
    mov qword [own_pages + 8], 0
    mov rcx, 0x1122334455667788
    mov [abs OWN_PAGES + 0xff0], rcx
    mov [abs OWN_PAGES + 0xff8], rcx
    raises "a write across the end of a page that is present", PF, 2, {mov [abs OWN_PAGES + 0xffc], rax}
    check "CR2 holds the first byte of the second page", qword [exception.cr2], OWN_PAGES + 0x1000
    check "nothing was written", qword [abs OWN_PAGES + 0xff8], rcx
    mov eax, CR2_POISON
    mov cr2, rax
    mov rbx, NOT_CANONICAL
    try
    mov al, [rbx]
    caught
    check "#GP leaves CR2 as it was", qword [exception.cr2], CR2_POISON
    ret

; SDM 3A 6.15, #NM, #MF, #XM
check_floating_point:
    fninit
    fldcw [.unmasked]
    fld1
    fldz
    fdivp
    raises "x87 with an unmasked exception pending", MF, none, wait
    fnclex
    fninit
    ldmxcsr [.unmasked_sse]
    movd xmm0, [.one]
    xorps xmm1, xmm1
    raises "SSE with an unmasked exception", XM, none, {divss xmm0, xmm1}
    mov rsi, cr4
    mov rax, rsi
    btr rax, 10
    mov cr4, rax
    raises "SSE with an unmasked exception without CR4.OSXMMEXCPT", UD, none, {divss xmm0, xmm1}
    mov cr4, rsi
    ldmxcsr [.default_sse]
    raises "LDMXCSR with reserved bits", GP, 0, {ldmxcsr [.reserved_sse]}
    ret
section .data
    align 4
check_floating_point.unmasked:      dd 0x37b
check_floating_point.unmasked_sse:  dd 0x1d80
check_floating_point.default_sse:   dd 0x1f80
check_floating_point.reserved_sse:  dd 0x10000
check_floating_point.one:           dd 0x3f800000
section .text

; SDM 3A 6.15, #AC: at privilege level 3 only
check_alignment:
    mov rsi, cr0
    mov rax, rsi
    bts rax, 18
    mov cr0, rax
    try
    enter_user CODE64
    push RFLAGS_AC | RFLAGS_FIXED
    popfq
    mov eax, [abs check_floating_point.unmasked]
    expect_here
    mov eax, [abs check_floating_point.unmasked + 1]
    ud2
    caught
    check_exception "an unaligned read at level 3 with CR0.AM and AC", AC, 0
    push RFLAGS_AC | RFLAGS_FIXED
    popfq
    mov eax, [abs check_floating_point.unmasked + 1]
    push RFLAGS_FIXED
    popfq
    check_flag "an unaligned read at level 0 is never one for #AC", nc
    mov cr0, rsi
    ret

; SDM 3A 6.4.4, 6.12.1
check_interrupt_instructions:
    traps "INT3", BP, int3
    traps "INT 3", BP, {db 0xcd, 3}
    traps "INT1", DB, {db 0xf1}
    traps "INT 6", UD, {int 6}
    raises "INT n without a gate", GP, 0x90 * 8 + 2, {int 0x90}
    and byte [idt64 + 6 * GATE_SIZE + PRESENT_BYTE], ~PRESENT_BIT
    raises "INT n with a gate that is not present", NP, 6 * 8 + 2, {int 6}
    ; The low bit: on the way to the handler of an earlier event (SDM 3A 6.13).
    raises "#UD with a gate that is not present", NP, 6 * 8 + 3, ud2
    or byte [idt64 + 6 * GATE_SIZE + PRESENT_BYTE], PRESENT_BIT
    and byte [idt64 + 6 * GATE_SIZE + PRESENT_BYTE], ~0x60
    try
    enter_user CODE64
    expect_here
    int 6
    caught
    check_exception "INT n at level 3 through a gate of level 0", GP, 6 * 8 + 2
    try
    enter_user CODE64
    expect_here
    ud2
    caught
    check_exception "an exception at level 3 through a gate of level 0", UD, none
    or byte [idt64 + 6 * GATE_SIZE + PRESENT_BYTE], 0x60
    mov word [idt64_register], 0x90 * GATE_SIZE - 1
    lidt [idt64_register]
    raises "INT n beyond the IDT's limit", GP, 0x90 * 8 + 2, {int 0x90}
    mov word [idt64_register], GATE_SIZE * GATE_COUNT - 1
    lidt [idt64_register]
    ret

; SDM 3A 6.14.2, 6.14.5, 6.8.3
check_frame:
    try
    stc
    ud2
    caught
    mov rsi, [exception.rflags]
    mov eax, esi
    and eax, RFLAGS_RF
    check "RF is set in the frame of a fault", rax, RFLAGS_RF
    and esi, RFLAGS_CF
    check "the frame holds the flags of that moment", rsi, RFLAGS_CF
    try
    int3
    caught
    mov rsi, [exception.rflags]
    and esi, RFLAGS_RF
    check "RF is clear in the frame of a trap", rsi, 0
    try
    ud2
    caught
    mov rsi, rsp
    check "the frame holds RSP", qword [exception.rsp], rsi
    check "the frame holds SS", qword [exception.ss], SELECTOR_DATA
    check "the frame holds CS", qword [exception.cs], SELECTOR_CODE64
    try
    enter_user CODE64
    ud2
    caught
    check "the frame holds CS of level 3", qword [exception.cs], SELECTOR_USER_CODE64
    check "the frame holds SS of level 3", qword [exception.ss], SELECTOR_USER_DATA
    check "the frame holds RSP of level 3", qword [exception.rsp], user_stack_top
    try
    enter_user CODE32
bits 32
    ud2
bits 64
    caught
    check "the frame holds CS of compatibility mode", qword [exception.cs], SELECTOR_USER_CODE32

    mov edi, 0x80
    mov edx, .handler
    xor eax, eax
    call set_gate
    mov rsi, rsp
    sub rsp, 24
    mov rdi, rsp
    int 0x80
    mov rsp, rsi
    mov r8, rdi
    and r8, ~15
    sub r8, 40
    check "without an interrupt stack the frame lies below RSP, at a multiple of 16", rbx, r8
    check "an interrupt gate clears IF, TF and NT", rcx, 0
    mov edi, 0x80
    mov edx, .handler
    mov eax, IST_NMI
    call set_gate
    int 0x80
    check "with an interrupt stack the frame lies at its top", rbx, nmi_stack_top - 40
    ret
.handler:
    mov rbx, rsp
    pushfq
    pop rcx
    and ecx, RFLAGS_IF | RFLAGS_TF | RFLAGS_NT
    iretq

; SDM 3A 6.15, #DF, table 6-5
check_delivery:
    and byte [idt64 + VECTOR_GP * GATE_SIZE + PRESENT_BYTE], ~PRESENT_BIT
    mov rbx, NOT_CANONICAL
    try
    mov al, [rbx]
    caught
    check_exception "#NP on the way to the handler of #GP", DF, 0
    or byte [idt64 + VECTOR_GP * GATE_SIZE + PRESENT_BYTE], PRESENT_BIT
    own_page 0
    and byte [idt64 + VECTOR_PF * GATE_SIZE + PRESENT_BYTE], ~PRESENT_BIT
    try
    mov al, [abs OWN_PAGES]
    caught
    check_exception "#NP on the way to the handler of #PF", DF, 0
    or byte [idt64 + VECTOR_PF * GATE_SIZE + PRESENT_BYTE], PRESENT_BIT
    and byte [idt64 + VECTOR_DE * GATE_SIZE + PRESENT_BYTE], ~PRESENT_BIT
    xor ecx, ecx
    try
    div ecx
    caught
    check_exception "#NP on the way to the handler of #DE", DF, 0
    or byte [idt64 + VECTOR_DE * GATE_SIZE + PRESENT_BYTE], PRESENT_BIT

    ; Handlers without an interrupt stack, where RSP is no good.
    and byte [idt64 + VECTOR_UD * GATE_SIZE + 4], ~7
    try
    mov esp, OWN_PAGES + 0x800
    ud2
    caught
    check_exception "#PF on the way to the handler of #UD", PF, 2
    try
    mov rsp, NOT_CANONICAL
    ud2
    caught
    check_exception "#SS on the way to the handler of #UD", SS, 1
    or byte [idt64 + VECTOR_UD * GATE_SIZE + 4], IST_EXCEPTION
    and byte [idt64 + VECTOR_PF * GATE_SIZE + 4], ~7
    try
    mov esp, OWN_PAGES + 0x800
    push rax
    caught
    check_exception "#PF on the way to the handler of #PF", DF, 0
    or byte [idt64 + VECTOR_PF * GATE_SIZE + 4], IST_EXCEPTION
    and byte [idt64 + VECTOR_GP * GATE_SIZE + 4], ~7
    try
    mov esp, OWN_PAGES + 0x800
    mov al, [rbx]
    caught
    check_exception "#PF on the way to the handler of #GP is no double fault", PF, 2
    or byte [idt64 + VECTOR_GP * GATE_SIZE + 4], IST_EXCEPTION
    ret

; The same vectors through the 8-byte gates of protected mode, and those that 64-bit mode does not have.
check_protected_mode:
    spare_descriptor 0x00cf13000000ffff
    mov qword [own_pages], 0
    mov edi, .routine
    mov esi, PAGING_PAE
    call run_protected
    check_kept "DIV by 0 in protected mode", 0, DE, none
    check_kept "INT3 in protected mode", 1, BP, none
    check_kept "INTO with OF in protected mode", 2, OF, none
    check_kept_none "INTO without OF in protected mode", 3
    check_kept "BOUND outside of the bounds in protected mode", 4, BR, none
    check_kept_none "BOUND within the bounds in protected mode", 5
    check_kept "UD2 in protected mode", 6, UD, none
    check_kept "SSE with CR0.TS in protected mode", 7, NM, none
    check_kept "a segment that is not present in protected mode", 8, NP, SELECTOR_SPARE
    check_kept "a stack segment that is not present in protected mode", 9, SS, SELECTOR_SPARE
    check_kept "a selector beyond the table in protected mode", 10, GP, 0xfff8
    check_kept "a write to a page that is not present in protected mode", 11, PF, 2
    check_kept "x87 with an exception pending in protected mode", 12, MF, none
    check_kept "SSE with an unmasked exception in protected mode", 13, XM, none
    check_kept "#NP on the way to the handler of #GP in protected mode", 14, DF, 0
    check "CR2 in protected mode", qword [exception.cr2], CR2_POISON
    ret
bits 32
.routine:
    xor ecx, ecx
    try
    div ecx
    caught
    keep_exception 0
    try
    int3
    caught
    keep_exception 1
    mov al, 0x7f
    add al, 1
    try
    into
    caught
    keep_exception 2
    xor eax, eax
    try
    into
    caught
    keep_exception 3
    mov eax, 9
    try
    bound eax, [.bounds]
    caught
    keep_exception 4
    mov eax, 5
    try
    bound eax, [.bounds]
    caught
    keep_exception 5
    try
    ud2
    caught
    keep_exception 6
    mov eax, cr0
    or eax, CR0_TS
    mov cr0, eax
    try
    movaps xmm0, xmm0
    caught
    keep_exception 7
    clts
    mov eax, SELECTOR_SPARE
    try
    mov ds, eax
    caught
    keep_exception 8
    try
    mov ss, eax
    caught
    keep_exception 9
    mov eax, 0xfff8
    try
    mov es, eax
    caught
    keep_exception 10
    try
    mov [OWN_PAGES], eax
    caught
    keep_exception 11
    fninit
    fldcw [check_floating_point.unmasked]
    fld1
    fldz
    fdivp
    try
    wait
    caught
    keep_exception 12
    fnclex
    fninit
    ldmxcsr [check_floating_point.unmasked_sse]
    movd xmm0, [check_floating_point.one]
    xorps xmm1, xmm1
    try
    divss xmm0, xmm1
    caught
    keep_exception 13
    ldmxcsr [check_floating_point.default_sse]
    and byte [idt32 + VECTOR_GP * GATE32_SIZE + PRESENT_BYTE], ~PRESENT_BIT
    mov eax, CR2_POISON
    mov cr2, eax
    mov eax, 0xfff8
    try
    mov es, eax
    caught
    keep_exception 14
    ret
.bounds: dd 4, 8
bits 64
