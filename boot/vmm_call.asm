; Calls into vmm code: on a stack of its own, with interrupts on, and with an escape point for traps.

bits 64
global vmm_escape_stack, vmm_enter, vmm_escape
extern vmm_stack_top

section .bss
vmm_escape_stack: resq 1        ; core's stack pointer while vmm code runs, else 0

section .text
; Calls the entry at RAX of the instance at RDI with the argument ESI. RAX is its u32 answer, or 1 << 32 | kind where it
; was stopped; every other register is lost (hardware.h's vmmCall says so).
vmm_enter:
    mov [vmm_escape_stack], rsp
    mov rsp, vmm_stack_top
    xor ebp, ebp                ; a backtrace of vmm code ends here
    sti
    call rax
    cli
    mov eax, eax
vmm_leave:
    mov rsp, [vmm_escape_stack]
    mov qword [vmm_escape_stack], 0
    ret

; Unwinds to vmm_enter's caller with the kind of trap in RDI. Reached by a jump, or by an interrupt's return.
vmm_escape:
    cli
    cld
    mov rax, rdi
    bts rax, 32
    jmp vmm_leave
