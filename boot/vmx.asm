; VM entry and VM exit (SDM 3C chapters 27 and 28): the guest's general-purpose registers live in the vCPU page.
;
; HOST_RSP points at the end of the register block, so that pushing the registers at a VM exit fills it. The page
; behind it belongs to core alone (the vCPU page is shared with vmm): its first slot keeps core's stack pointer.

bits 64
default rel
%include "boot/registers.inc"
section .text

; Loads 16 registers from the block that ends at RDI; `none` leaves one out.
%macro load_all 16
%assign left 16
%rep 16
%ifnidn %1, none
    mov %1, [rdi - 8 * left]
%endif
%assign left left - 1
%rotate 1
%endrep
%endmacro

; Enters the guest by VMLAUNCH, or by VMRESUME if ESI is not 0; RDI is the end of the register block. Returns in EAX 0
; after a VM exit, 1 on VMfailInvalid, 2 on VMfailValid; every other register is lost (hardware.h's vmEnter says so).
global vmx_enter
vmx_enter:
    mov [rdi], rsp
    test esi, esi               ; no MOV below touches the flags
    load_all rax, rcx, rdx, rbx, none, rbp, rsi, none, r8, r9, r10, r11, r12, r13, r14, r15
    mov rdi, [rdi - 8 * 9]
    jnz .resume
    vmlaunch
    jmp .failed
.resume:
    vmresume
.failed:                        ; CF: VMfailInvalid, ZF: VMfailValid; the stack is still core's
    mov eax, 1
    mov ecx, 2
    cmovz eax, ecx
    ret

; HOST_RIP. RSP is the end of the register block.
global vmx_exit
vmx_exit:
    push_all r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp
    sub rsp, 8                  ; the guest's RSP lives in the VMCS
    push_all rbx, rdx, rcx, rax
    mov rsp, [rsp + 8 * 16]
    xor eax, eax
    ret

; What the guests that mirror the host execute: RDTSC as often as RCX says, then the VMCALL that ends them.
global vmx_mirror
vmx_mirror:
    jrcxz .call
    rdtsc
    loop vmx_mirror
.call:
    vmcall
