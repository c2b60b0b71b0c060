; Calls into vmm code: on a stack of its own, with interrupts on, and with an escape point for traps.

bits 64
default rel
%include "boot/registers.inc"

section .bss
global vmm_escape_stack
vmm_escape_stack: resq 1        ; core's stack pointer while vmm code runs, else 0

section .text

; struct { u64 value, trapped } vmm_enter(void *function, void *instance, u32 argument, void *stack_top)
global vmm_enter
vmm_enter:
    push_all rbp, rbx, r12, r13, r14, r15
    mov [vmm_escape_stack], rsp
    mov rsp, rcx
    mov rax, rdi
    mov rdi, rsi
    mov esi, edx
    xor ebp, ebp                ; a backtrace of vmm code ends here
    sti
    call rax
    cli
    xor edx, edx
vmm_leave:
    mov rsp, [vmm_escape_stack]
    mov qword [vmm_escape_stack], 0
    pop_all r15, r14, r13, r12, rbx, rbp
    ret

; Unwinds to vmm_enter's caller, with `trapped` set to RDI. Reached by a jump, or by an interrupt's return.
global vmm_escape
vmm_escape:
    cli
    cld
    xor eax, eax
    mov rdx, rdi
    jmp vmm_leave
