; Task switches of protected mode: JMP, CALL and IRET, task gates, and their faults.

%include "lib/guest.inc"

; A 32-bit TSS (SDM 3A 7.2.1)
TSS32_LINK equ 0
TSS32_CR3 equ 28
TSS32_EIP equ 32
TSS32_EFLAGS equ 36
TSS32_EAX equ 40
TSS32_ECX equ 44
TSS32_EBX equ 52
TSS32_ESP equ 56
TSS32_ES equ 72
TSS32_CS equ 76
TSS32_SS equ 80
TSS32_DS equ 84
TSS32_FS equ 88
TSS32_GS equ 92
TSS32_LDT equ 96
TSS32_FLAGS equ 100                     ; bit 0: a debug exception at the switch to the task
TSS32_SIZE equ 104

FIRST equ SELECTOR_SPARE                ; the TSS of the routine below
SECOND equ SELECTOR_SPARE + 8           ; that of the task that it starts
GATE equ SELECTOR_SPARE + 16            ; a task gate that leads there
TOO_SHORT equ SELECTOR_SPARE + 24       ; a TSS that is too short
NOT_PRESENT equ SELECTOR_SPARE + 32     ; a TSS that is not present

TASK_GATE equ 0x8500 << 32              ; SDM 3A 7.2.5

section .bss
    alignb 128
first_task:     resb 128
second_task:    resb 128
second_stack:   resb 512
second_stack_top:
; What a task or the routine saw, a number each.
seen:           resd 64
section .text

; Keeps 32-bit register %2 as number %1.
%macro see 2
    mov [seen + %1 * 4], %2
%endmacro

%macro check_seen 3
    mov eax, [seen + %2 * 4]
    mov esi, %3
    check %1, rax, rsi
%endmacro

; Makes descriptor %1 one of the TSS at %2, which is below 16 MiB, with type and presence %3 and limit %4.
%macro make_tss 4
    mov eax, %2
    shl rax, 16
    mov rsi, %3 << 40 | %4
    or rax, rsi
    mov [gdt + %1], rax
%endmacro

main:
    make_tss FIRST, first_task, 0x89, TSS32_SIZE - 1
    make_tss SECOND, second_task, 0x89, TSS32_SIZE - 1
    make_tss TOO_SHORT, second_task, 0x89, TSS32_SIZE - 2
    make_tss NOT_PRESENT, second_task, 0x09, TSS32_SIZE - 1
    mov rax, TASK_GATE | SECOND << 16
    mov [gdt + GATE], rax
    call check_in_long_mode
    mov edi, routine
    mov esi, PAGING_32
    call run_protected

    check_seen "JMP to a TSS loads EAX", 0, 0x11111111
    check_seen "JMP to a TSS loads ESP", 1, second_stack_top
    check_seen "JMP to a TSS loads FS", 2, SELECTOR_DATA
    check_seen "JMP to a TSS loads TR", 3, SECOND
    check_seen "JMP to a TSS sets CR0.TS", 4, CR0_TS
    check_seen "JMP to a TSS makes it busy", 5, 0x8b
    check_seen "JMP to a TSS makes the old one available", 6, 0x89
    check_seen "JMP to a TSS leaves NT clear", 7, 0
    check_seen "JMP to a TSS loads EFLAGS", 8, RFLAGS_CF
    check_seen "JMP to a TSS loads CR3", 9, page_directory32
    check_seen "JMP to a TSS clears the local breakpoints of DR7", 10, 1 << 10 | 2
    check_seen "JMP back goes on behind the first JMP with its registers", 11, 0x22222222
    check_seen "the old TSS holds the EIP behind JMP", 12, routine.behind_jump
    check_seen "CALL to a TSS links it to the caller's", 13, FIRST
    check_seen "CALL to a TSS sets NT", 14, RFLAGS_NT
    check_seen "CALL to a TSS leaves the caller's busy", 15, 0x8b
    check_seen "IRET with NT goes back to the caller", 16, 0x33333333
    check_seen "IRET with NT clears NT of the task that it leaves", 17, 0
    check_seen "IRET with NT makes the task that it leaves available", 18, 0x89
    check_seen "CALL through a task gate", 19, 0x44444444
    check_seen "an exception through a task gate links the task", 20, FIRST
    check_seen "an exception through a task gate pushes the error code", 21, 0xfff8
    check_seen "an exception through a task gate saves the EIP of the fault", 22, routine.fault
    check_seen "INT n through a task gate saves the EIP behind it", 23, routine.behind_int
    check_seen "a task that an exception started comes back by IRET", 24, 0x55555555
    check_kept "JMP to a busy TSS", 0, GP, FIRST
    check_kept "JMP to a TSS that is too short", 1, TS, TOO_SHORT
    check_kept "JMP to a TSS that is not present", 2, NP, NOT_PRESENT
    check_kept "the debug trap of a TSS", 3, DB, none
    check_seen "DR6 tells the debug trap of a TSS", 25, 1 << 15
    check_kept "IRET with NT to a task that is not busy", 4, TS, SECOND
    ret

; SDM 3A 7.7: there are no task switches in long mode.
check_in_long_mode:
    try
    mov dword [.pointer + 4], SECOND
    expect_here
    jmp far dword [.pointer]
    caught
    check_exception "JMP to a TSS in long mode", GP, SECOND
    mov dword [.pointer + 4], GATE
    try
    expect_here
    jmp far dword [.pointer]
    caught
    check_exception "JMP to a task gate in long mode", GP, GATE
    ret
section .data
    align 8
check_in_long_mode.pointer: dq 0
section .text

bits 32
; Makes the second task begin at %1 with EAX %2.
%macro second_begins 2
    mov dword [second_task + TSS32_EIP], %1
    mov dword [second_task + TSS32_EAX], %2
    mov dword [second_task + TSS32_ESP], second_stack_top
    mov dword [second_task + TSS32_EFLAGS], RFLAGS_FIXED | RFLAGS_CF
%endmacro

; SDM 3A 7.3, 7.4
routine:
    mov eax, cr3
    mov [second_task + TSS32_CR3], eax
    mov [first_task + TSS32_CR3], eax
    mov dword [second_task + TSS32_CS], SELECTOR_CODE32
    mov eax, SELECTOR_DATA
    mov [second_task + TSS32_SS], eax
    mov [second_task + TSS32_DS], eax
    mov [second_task + TSS32_ES], eax
    mov [second_task + TSS32_FS], eax
    mov eax, FIRST
    ltr ax

    ; JMP there and back.
    second_begins jumped_to, 0x11111111
    mov eax, 3
    mov dr7, eax
    mov ebx, 0x22222222
    jmp SECOND:0
.behind_jump:
    see 11, ebx
    xor eax, eax
    mov dr7, eax

    ; CALL, and back by IRET.
    second_begins called, 0
    mov ebx, 0x33333333
    call SECOND:0
    see 16, ebx
    mov eax, [second_task + TSS32_EFLAGS]
    and eax, RFLAGS_NT
    see 17, eax
    movzx eax, byte [gdt + SECOND + 5]
    see 18, eax

    second_begins called_by_gate, 0x44444444
    call GATE:0

    ; #GP by a task gate of the IDT.
    mov eax, [idt32 + VECTOR_GP * 8]
    mov ecx, [idt32 + VECTOR_GP * 8 + 4]
    push eax
    push ecx
    mov dword [idt32 + VECTOR_GP * 8], SECOND << 16
    mov dword [idt32 + VECTOR_GP * 8 + 4], 0x8500
    second_begins fault_handler, 0
    mov eax, 0xfff8
    mov ebx, 0x55555555
.fault:
    mov es, eax
.behind_fault:
    see 24, ebx
    pop ecx
    pop eax
    mov [idt32 + VECTOR_GP * 8], eax
    mov [idt32 + VECTOR_GP * 8 + 4], ecx

    mov eax, [idt32 + VECTOR_BP * 8]
    mov ecx, [idt32 + VECTOR_BP * 8 + 4]
    push eax
    push ecx
    mov dword [idt32 + VECTOR_BP * 8], SECOND << 16
    mov dword [idt32 + VECTOR_BP * 8 + 4], 0x8500
    second_begins int_handler, 0
    int3
.behind_int:
    pop ecx
    pop eax
    mov [idt32 + VECTOR_BP * 8], eax
    mov [idt32 + VECTOR_BP * 8 + 4], ecx

    try
    jmp FIRST:0
    caught
    keep_exception 0
    try
    jmp TOO_SHORT:0
    caught
    keep_exception 1
    try
    jmp NOT_PRESENT:0
    caught
    keep_exception 2

    ; The debug trap comes in the new task, whose CS, SS and stack are good for it.
    mov eax, 0xffff0ff0
    mov dr6, eax
    second_begins .never, 0
    mov word [second_task + TSS32_FLAGS], 1
    try
    jmp SECOND:0
    jmp .back_from_trap
.never:
    ud2
    caught
    keep_exception 3
    jmp FIRST:0
.back_from_trap:
    mov dword [recovery.rip], 0
    mov word [second_task + TSS32_FLAGS], 0
    mov eax, [exception.dr6]
    and eax, 1 << 15
    see 25, eax

    mov dword [first_task + TSS32_LINK], SECOND
    try
    pushfd
    or dword [esp], RFLAGS_NT
    popfd
    iretd
    caught
    keep_exception 4
    clts
    ret

; The tasks. Each runs on the second TSS.
jumped_to:
    pushfd
    see 0, eax
    add esp, 4
    see 1, esp
    sub esp, 4
    mov eax, fs
    see 2, eax
    str eax
    see 3, eax
    mov eax, cr0
    and eax, CR0_TS
    see 4, eax
    movzx eax, byte [gdt + SECOND + 5]
    see 5, eax
    movzx eax, byte [gdt + FIRST + 5]
    see 6, eax
    pop eax
    mov ecx, eax
    and eax, RFLAGS_NT
    see 7, eax
    and ecx, RFLAGS_CF
    see 8, ecx
    mov eax, cr3
    see 9, eax
    mov eax, dr7
    see 10, eax
    mov eax, [first_task + TSS32_EIP]
    see 12, eax
    jmp FIRST:0

called:
    movzx eax, word [second_task + TSS32_LINK]
    see 13, eax
    pushfd
    pop eax
    and eax, RFLAGS_NT
    see 14, eax
    movzx eax, byte [gdt + FIRST + 5]
    see 15, eax
    iretd

called_by_gate:
    see 19, eax
    iretd

fault_handler:
    movzx eax, word [second_task + TSS32_LINK]
    see 20, eax
    pop eax
    see 21, eax
    mov eax, [first_task + TSS32_EIP]
    see 22, eax
    mov dword [first_task + TSS32_EIP], routine.behind_fault
    iretd

int_handler:
    mov eax, [first_task + TSS32_EIP]
    see 23, eax
    iretd
bits 64
