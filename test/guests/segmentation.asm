; Segmentation: descriptors and their checks, limits, the descriptor-table registers, gates, LAR and its kin.

%include "lib/guest.inc"

CODE64_ACCESS equ 0x00af9b00            ; what LAR reads of SELECTOR_CODE64: attributes in their places
LAR_DEFINED equ 0x00f0ff00              ; the bits of it that are not the limit's
NOT_CANONICAL equ 0x8000000000000000

; Descriptors (SDM 3A 3.4.5) by type, base 0 unless said.
DATA_READ_ONLY equ 0x00cf91000000ffff
DATA_NOT_ACCESSED equ 0x00cf92000000ffff
DATA_NOT_PRESENT equ 0x00cf13000000ffff
DATA_1000_BYTES equ 0x00409300000003e7
DATA_EXPAND_DOWN equ 0x00c0970000000000 ; offsets from 1000H up
CODE_EXECUTE_ONLY equ 0x00cf99000000ffff
CODE_NOT_PRESENT equ 0x00af1b000000ffff
CODE_L_AND_D equ 0x00ef9b000000ffff
CODE32_1_PAGE equ 0x00c09b0000000000    ; bytes 0 to FFFH
CODE64_CONFORMING equ 0x00af9f000000ffff
LDT_DESCRIPTOR equ 0x0000820000000007   ; one descriptor; its base is added below

main:
    call check_table_registers
    call check_load_of_segments
    call check_access_rights
    call check_far_transfers
    call check_call_gate
    call check_ldt
    call check_task_register
    jmp check_protected_mode

; Puts descriptor %2 into spare place %1.
%macro spare 2
    mov rax, %2
    mov [spare_descriptors + %1 * 8], rax
%endmacro
; Makes address %2, which is below 16 MiB, the base of spare descriptor %1.
%macro set_base 2
    mov eax, %2
    mov [spare_descriptors + %1 * 8 + 2], ax
    shr eax, 16
    mov [spare_descriptors + %1 * 8 + 4], al
%endmacro

%define SELECTOR_OF_SPARE(n) (SELECTOR_SPARE + n * 8)

; Checks [.stored] against base %2 and limit %3, for instruction %1.
%macro check_table 3
    movzx esi, word [check_table_registers.stored]
    check {%1, " stores the limit"}, rsi, %3
    check {%1, " stores 64 bits of base"}, qword [check_table_registers.stored + 2], %2
%endmacro

; SDM 2A, LGDT; SDM 2B, SGDT, SIDT, SLDT, STR
check_table_registers:
    sgdt [.stored]
    check_table "SGDT", gdt, gdt_end - gdt - 1
    sidt [.stored]
    check_table "SIDT", idt64, GATE_SIZE * GATE_COUNT - 1
    mov rax, -1
    sldt rax
    check "SLDT without a table reads 0 into all 64 bits", rax, 0
    mov rax, -1
    str eax
    check "STR reads into 32 bits and clears the rest", rax, SELECTOR_TSS
    mov qword [.stored], -1
    str [.stored]
    mov rsi, 0xffffffffffff0000 | SELECTOR_TSS
    check "STR writes 16 bits of memory", qword [.stored], rsi
    if_tcg .untried
    mov word [.stored], gdt_end - gdt - 1
    mov rax, NOT_CANONICAL
    mov [.stored + 2], rax
    raises "LGDT refuses a base that is not canonical", GP, 0, {lgdt [.stored]}
    raises "LIDT refuses a base that is not canonical", GP, 0, {lidt [.stored]}
    sgdt [.stored]
    check "a refused LGDT leaves the base as it was", qword [.stored + 2], gdt
    ret
.untried:
    skip "LGDT refuses a base that is not canonical", "QEMU's own CPU would have no descriptors"
    ret
section .data
    align 8
check_table_registers.stored: times 16 db 0
section .text

; SDM 3A 5.4.1, 5.6, 5.7; SDM 2B, MOV
check_load_of_segments:
    spare 0, DATA_READ_ONLY
    spare 1, DATA_NOT_ACCESSED
    spare 2, DATA_NOT_PRESENT
    spare 3, CODE_EXECUTE_ONLY
    xor eax, eax
    survives "DS takes a null selector", {mov ds, eax}
    survives "64-bit code reads through a null DS", {mov bl, [main]}
    survives "SS takes a null selector at level 0 in 64-bit mode", {mov ss, eax}
    mov eax, SELECTOR_DATA
    mov ss, eax
    mov ds, eax
    mov eax, SELECTOR_OF_SPARE(0)
    survives "DS takes a read-only segment", {mov ds, eax}
    raises "SS refuses a read-only segment", GP, SELECTOR_OF_SPARE(0), {mov ss, eax}
    mov eax, SELECTOR_OF_SPARE(1)
    mov ds, eax
    movzx esi, byte [spare_descriptors + 8 + 5]
    check "a load sets a descriptor's accessed bit", rsi, 0x93
    mov eax, SELECTOR_OF_SPARE(2)
    raises "DS refuses a segment that is not present", NP, SELECTOR_OF_SPARE(2), {mov ds, eax}
    raises "SS refuses a segment that is not present", SS, SELECTOR_OF_SPARE(2), {mov ss, eax}
    mov eax, SELECTOR_OF_SPARE(3)
    raises "DS refuses an execute-only segment", GP, SELECTOR_OF_SPARE(3), {mov ds, eax}
    mov eax, SELECTOR_CODE64
    survives "DS takes a readable code segment", {mov ds, eax}
    raises "SS refuses a code segment", GP, SELECTOR_CODE64, {mov ss, eax}
    mov eax, SELECTOR_DATA + 1
    raises "SS refuses another RPL than the privilege level", GP, SELECTOR_DATA, {mov ss, eax}
    mov eax, SELECTOR_USER_DATA
    raises "SS refuses another DPL than the privilege level", GP, SELECTOR_USER_DATA & ~3, {mov ss, eax}
    survives "DS takes a segment of level 3", {mov ds, eax}
    mov eax, SELECTOR_DATA
    mov ds, eax
    try
    enter_user CODE64
    mov eax, SELECTOR_DATA
    expect_here
    mov ds, eax
    caught
    check_exception "DS refuses a segment of level 0 at level 3", GP, SELECTOR_DATA
    try
    enter_user CODE64
    xor eax, eax
    expect_here
    mov ss, eax
    caught
    check_exception "SS refuses a null selector at level 3", GP, 0
    try
    mov eax, SELECTOR_DATA
    mov fs, eax
    enter_user CODE64
    mov edi, fs
    ud2
    caught
    check "IRET to level 3 makes a segment of level 0 null", rdi, 0
    mov eax, SELECTOR_DATA
    mov ds, eax
    mov fs, eax
    ret

; SDM 2A, LAR and LSL; SDM 2B, VERR and VERW
check_access_rights:
    mov ebx, SELECTOR_CODE64
    xor eax, eax
    lar eax, ebx
    check_flag "LAR knows a code segment", z
    and eax, LAR_DEFINED
    check "LAR reads a code segment's access rights", rax, CODE64_ACCESS & LAR_DEFINED
    mov ebx, SELECTOR_TSS
    lar eax, ebx
    check "LAR reads a busy TSS's access rights", rax, 0x8b00
    lsl eax, ebx
    check "LSL reads a TSS's limit", rax, TSS_SIZE - 1
    mov ebx, SELECTOR_DATA
    lsl eax, ebx
    mov esi, 0xffffffff
    check "LSL counts a limit in pages by 4 KiB", rax, rsi
    mov eax, 0x1234
    xor ebx, ebx
    lar eax, ebx
    check_flag "LAR of a null selector clears ZF", nz
    check "LAR of a null selector changes no register", rax, 0x1234
    mov ebx, 0xfff8
    lsl eax, ebx
    check_flag "LSL beyond the table clears ZF", nz
    verr [.code64]
    check_flag "VERR of readable code", z
    verw [.code64]
    check_flag "VERW of code", nz
    mov ebx, SELECTOR_OF_SPARE(0)
    verr bx
    check_flag "VERR of read-only data", z
    verw bx
    check_flag "VERW of read-only data", nz
    mov ebx, SELECTOR_DATA
    verw bx
    check_flag "VERW of data", z
    mov ebx, SELECTOR_OF_SPARE(3)
    verr bx
    check_flag "VERR of execute-only code", nz
    mov ebx, SELECTOR_TSS
    verr bx
    check_flag "VERR of a system segment", nz
    xor r12d, r12d
    try
    enter_user CODE64
    mov ebx, SELECTOR_DATA
    lar eax, ebx
    setz r12b
    mov ebx, SELECTOR_USER_DATA
    verw bx
    setz r13b
    verw [.data]
    setz r14b
    ud2
    caught
    movzx r13d, r13b
    movzx r14d, r14b
    check "LAR at level 3 of a segment of level 0 clears ZF", r12, 0
    check "VERW at level 3 of a segment of level 3", r13, 1
    check "VERW at level 3 of a segment of level 0", r14, 0
    ret
.code64:    dw SELECTOR_CODE64
.data:      dw SELECTOR_DATA

; Checks that a far return to selector %2 raises exception %3 with error code %4.
%macro check_far 4
    try
    push %2
    push %%arrived
    expect_here
    retfq
%%arrived:
    ud2
    caught
    check_exception %1, %3, %4
%endmacro

; SDM 3A 5.8; SDM 2B, RET
check_far_transfers:
    spare 4, CODE_NOT_PRESENT
    spare 5, CODE_L_AND_D
    spare 6, CODE64_CONFORMING
    check_far "a far return to a null selector", 0, GP, 0
    check_far "a far return to data", SELECTOR_DATA, GP, SELECTOR_DATA
    check_far "a far return to code that is not present", SELECTOR_OF_SPARE(4), NP, SELECTOR_OF_SPARE(4)
    check_far "a far return to code with both L and D", SELECTOR_OF_SPARE(5), GP, SELECTOR_OF_SPARE(5)
    check_far "a far return beyond the table", 0xfff8, GP, 0xfff8
    try
    enter_user CODE64
    push SELECTOR_CODE64
    push .arrived
    expect_here
    retfq
.arrived:
    ud2
    caught
    check_exception "a far return from level 3 to level 0", GP, SELECTOR_CODE64
    xor r12d, r12d
    try
    enter_user CODE64
    push SELECTOR_OF_SPARE(6) + 3
    push .conforming
    retfq
.conforming:
    mov r12d, cs
    ud2
    caught
    check "conforming code of level 0 runs at level 3", r12, SELECTOR_OF_SPARE(6) + 3
    xor r12d, r12d
    try
    push SELECTOR_USER_DATA
    push user_stack_top
    push SELECTOR_USER_CODE64
    push .user
    retfq
.user:
    mov r12d, cs
    mov r13, rsp
    ud2
    caught
    check "a far return to level 3 loads CS", r12, SELECTOR_USER_CODE64
    check "a far return to level 3 loads RSP", r13, user_stack_top
    mov dword [.pointer], .far
    mov word [.pointer + 4], SELECTOR_CODE64
    jmp far dword [.pointer]
    ud2
.far:
    mov esi, cs
    check "a far JMP through memory", rsi, SELECTOR_CODE64
    ret
section .data
check_far_transfers.pointer: times 6 db 0
section .text

; A 64-bit call gate of level 3 takes two places (SDM 3A 5.8.3.1).
check_call_gate:
    mov eax, .inner
    mov [spare_descriptors + 8 * 8], ax
    mov word [spare_descriptors + 8 * 8 + 2], SELECTOR_CODE64
    mov word [spare_descriptors + 8 * 8 + 4], 0xec00
    shr eax, 16
    mov [spare_descriptors + 8 * 8 + 6], ax
    mov qword [spare_descriptors + 9 * 8], 0
    xor r12d, r12d
    xor r14d, r14d
    try
    enter_user CODE64
    call far dword [.pointer]
    mov r14d, cs
    ud2
    caught
    check "a call gate leads from level 3 to level 0", r12, SELECTOR_CODE64
    check "a call gate takes RSP from the TSS and pushes SS, RSP, CS, RIP", r13, exception_stack_top - 32
    check "a call gate to another level makes SS null", r15, 0
    check "a far return from a call gate goes back to level 3", r14, SELECTOR_USER_CODE64
    mov word [spare_descriptors + 8 * 8 + 4], 0x8c00
    try
    enter_user CODE64
    expect_here
    call far dword [.pointer]
    caught
    check_exception "a call gate of level 0 from level 3", GP, SELECTOR_OF_SPARE(8)
    mov word [spare_descriptors + 8 * 8 + 4], 0x6c00
    try
    expect_here
    call far dword [.pointer]
    caught
    check_exception "a call gate that is not present", NP, SELECTOR_OF_SPARE(8)
    ret
.inner:
    mov r12d, cs
    mov r13, rsp
    mov r15d, ss
    retfq
.pointer:
    dd 0
    dw SELECTOR_OF_SPARE(8)

; SDM 3A 3.5.1, SDM 2A, LLDT. A 64-bit LDT descriptor takes two places.
check_ldt:
    spare 10, LDT_DESCRIPTOR
    set_base 10, .table
    mov qword [spare_descriptors + 11 * 8], 0
    mov eax, SELECTOR_DATA
    raises "LLDT of a data segment", GP, SELECTOR_DATA, lldt ax
    mov eax, SELECTOR_OF_SPARE(10)
    lldt ax
    sldt ebx
    check "SLDT reads what LLDT loaded", rbx, SELECTOR_OF_SPARE(10)
    mov eax, 4
    survives "a segment of the LDT can be loaded", {mov es, eax}
    mov eax, 12
    raises "a selector beyond the LDT", GP, 12, {mov es, eax}
    xor eax, eax
    lldt ax
    mov eax, 4
    raises "a selector of the LDT without one", GP, 4, {mov es, eax}
    and byte [spare_descriptors + 10 * 8 + 5], ~0x80
    mov eax, SELECTOR_OF_SPARE(10)
    raises "LLDT of a table that is not present", NP, SELECTOR_OF_SPARE(10), lldt ax
    mov eax, SELECTOR_DATA
    mov es, eax
    ret
section .data
    align 8
check_ldt.table: dq DATA_1000_BYTES
section .text

; SDM 2A, LTR
check_task_register:
    mov eax, SELECTOR_TSS
    raises "LTR of a busy TSS", GP, SELECTOR_TSS, ltr ax
    mov eax, SELECTOR_DATA
    raises "LTR of a data segment", GP, SELECTOR_DATA, ltr ax
    if_tcg .no_null
    xor eax, eax
    raises "LTR of a null selector", GP, 0, ltr ax
    jmp .not_present
.no_null:
    skip "LTR of a null selector", "QEMU's own CPU would have no TSS"
.not_present:
    and byte [tss_descriptor + 5], ~0x82
    mov eax, SELECTOR_TSS
    raises "LTR of a TSS that is not present", NP, SELECTOR_TSS, ltr ax
    or byte [tss_descriptor + 5], 0x80
    ltr ax
    movzx esi, byte [tss_descriptor + 5]
    check "LTR makes a TSS busy", rsi, 0x8b
    ret

; SDM 3A 5.3: limits, which 64-bit mode does not check
check_protected_mode:
    if_tcg .untried
    spare 0, DATA_1000_BYTES
    spare 1, DATA_EXPAND_DOWN
    spare 2, CODE32_1_PAGE
    spare 3, DATA_READ_ONLY
    spare 4, DATA_1000_BYTES
    spare 5, DATA_1000_BYTES
    set_base 4, .based
    set_base 5, .stack
    mov edi, .routine
    mov esi, PAGING_NONE
    call run_protected
    check "a segment's base is added", rax, 0x600df00d
    check_kept_none "a read of the last bytes of a segment", 0
    check_kept "a read across the limit", 1, GP, 0
    check_kept "a read across the limit of SS", 2, SS, 0
    check_kept "a read below an expand-down segment", 3, GP, 0
    check_kept_none "a read in an expand-down segment", 4
    check_kept "a jump beyond the limit of CS", 5, GP, 0
    check_kept "a write to a read-only segment", 6, GP, 0
    check_kept "a read through a null selector", 7, GP, 0
    check_kept "a write through CS", 8, GP, 0
    check_kept "SS takes no null selector", 9, GP, 0
    check_kept_none "a push in a small stack segment", 10
    ret
.untried:
    skip "limits of segments in protected mode", "QEMU's own CPU checks none"
    ret
bits 32
.routine:
    mov eax, SELECTOR_OF_SPARE(0)
    mov es, eax
    try
    mov eax, [es:0x3e4]
    caught
    keep_exception 0
    try
    mov eax, [es:0x3e5]
    caught
    keep_exception 1
    mov eax, SELECTOR_OF_SPARE(5)
    try
    mov ss, eax
    mov esp, 1000
    mov eax, [ss:0x3e6]
    caught
    keep_exception 2
    mov eax, SELECTOR_OF_SPARE(1)
    mov es, eax
    try
    mov al, [es:0xfff]
    caught
    keep_exception 3
    try
    mov al, [es:0x100000]
    caught
    keep_exception 4
    try
    jmp SELECTOR_OF_SPARE(2):0x1000
    caught
    keep_exception 5
    mov eax, SELECTOR_OF_SPARE(3)
    mov es, eax
    try
    mov [es:0x100000], al
    caught
    keep_exception 6
    xor eax, eax
    mov es, eax
    try
    mov al, [es:0x100000]
    caught
    keep_exception 7
    try
    mov [cs:0x100000], al
    caught
    keep_exception 8
    xor eax, eax
    try
    mov ss, eax
    caught
    keep_exception 9
    mov eax, SELECTOR_OF_SPARE(5)
    mov ebx, ss
    mov edx, esp
    try
    mov ss, eax
    mov esp, 1000
    push eax
    mov ss, ebx
    mov esp, edx
    caught
    keep_exception 10
    mov eax, SELECTOR_OF_SPARE(4)
    mov fs, eax
    mov eax, [fs:0]
    mov ecx, SELECTOR_DATA
    mov es, ecx
    mov fs, ecx
    ret

section .data
    align 8
check_protected_mode.based: dd 0x600df00d
section .bss
check_protected_mode.stack: resb 1000
