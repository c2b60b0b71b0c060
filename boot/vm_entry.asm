; Entering a guest and leaving it, by VMX (SDM 3C chapters 27 and 28) and SVM (APM 2 15.5, 15.6). The guest's
; general-purpose registers live in the vCPU page: RSP points at the end of their block at an exit, so that pushing them
; fills it. The page behind belongs to core alone (vmm has the vCPU page, too): its first slot keeps core's RSP.

bits 64
default rel
%include "boot/registers.inc"
section .text
global vmx_enter, vmx_exit, svm_enter, vm_mirror

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
vmx_exit:
    each push, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp
    sub rsp, 8                  ; the guest's RSP lives in the VMCS
    each push, rbx, rdx, rcx, rax
    mov rsp, [rsp + 8 * 16]
    xor eax, eax
    ret

; Enters the guest of the VMCB at RSI; RDX is the page with the host's state for VMLOAD, RDI as above. No interrupt
; comes between CLGI and STGI but to the guest. Every register is lost (hardware.h's svmEnter says so).
svm_enter:
    mov [rdi], rsp
    mov [rdi + 8], rdx
    mov rax, rsi
    clgi
    sti                         ; with V_INTR_MASKING it is this IF that lets physical interrupts end the guest's run
    vmload
    mov rsp, rdi
    load_all none, rcx, rdx, rbx, none, rbp, rsi, none, r8, r9, r10, r11, r12, r13, r14, r15
    mov rdi, [rdi - 8 * 9]
    vmrun
    each push, r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp
    sub rsp, 8                  ; the guest's RSP lives in the VMCB, and so does its RAX
    each push, rbx, rdx, rcx
    cli
    vmsave
    mov rax, [rsp + 8 * 16]
    vmload
    mov rsp, [rsp + 8 * 15]
    stgi
    ret

; What guests that mirror the host execute: RDTSC as often as RCX says, then what ends them: VMMCALL if EBX is 1.
vm_mirror:
    jrcxz .call
    rdtsc
    loop vm_mirror
.call:
    test ebx, ebx
    jnz .svm
    vmcall
.svm:
    vmmcall
