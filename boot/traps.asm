; Interrupt and exception stubs: one a vector, all to one C function with a frame of registers.

bits 64
default rel

extern trap_dispatch

; These vectors push an error code (SDM 3A 6.13).
%define HAS_ERROR_CODE(v) ((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || (v) == 29 || (v) == 30)

STUB_SIZE equ 16

section .text
    align STUB_SIZE
global trap_stubs
trap_stubs:
%assign vector 0
%rep 256
    align STUB_SIZE
%if !HAS_ERROR_CODE(vector)
    push 0
%endif
    push vector
    jmp near trap_common
%assign vector vector + 1
%endrep

trap_common:
    push rax
    push rcx
    push rdx
    push rbx
    push rbp
    push rsi
    push rdi
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    cld
    mov rdi, rsp
    call trap_dispatch
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rdi
    pop rsi
    pop rbp
    pop rbx
    pop rdx
    pop rcx
    pop rax
    add rsp, 16
    iretq
