; VM entry and VM exit (SDM 3C chapters 27 and 28): the guest's general-purpose registers live in the vCPU page.
;
; HOST_RSP points at the end of the register block, so that pushing the registers at a VM exit fills it. The page
; behind it belongs to core alone (the vCPU page is shared with vmm): its first slot keeps core's stack pointer.

bits 64
default rel
section .text

; Enters the guest by VMLAUNCH, or by VMRESUME if ESI is not 0; RDI is the end of the register block. Returns in EAX 0
; after a VM exit, 1 on VMfailInvalid, 2 on VMfailValid; every other register is lost (hardware.h's vmEnter says so).
global vmx_enter
vmx_enter:
    mov [rdi], rsp
    test esi, esi               ; no MOV below touches the flags
    mov rax, [rdi - 8 * 16]
    mov rcx, [rdi - 8 * 15]
    mov rdx, [rdi - 8 * 14]
    mov rbx, [rdi - 8 * 13]
    mov rbp, [rdi - 8 * 11]
    mov rsi, [rdi - 8 * 10]
    mov r8, [rdi - 8 * 8]
    mov r9, [rdi - 8 * 7]
    mov r10, [rdi - 8 * 6]
    mov r11, [rdi - 8 * 5]
    mov r12, [rdi - 8 * 4]
    mov r13, [rdi - 8 * 3]
    mov r14, [rdi - 8 * 2]
    mov r15, [rdi - 8 * 1]
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
    push r15
    push r14
    push r13
    push r12
    push r11
    push r10
    push r9
    push r8
    push rdi
    push rsi
    push rbp
    sub rsp, 8                  ; the guest's RSP lives in the VMCS
    push rbx
    push rdx
    push rcx
    push rax
    mov rsp, [rsp + 8 * 16]
    xor eax, eax
    ret

; bool try_rdmsr(u32 index, u64 *value): false where the MSR does not exist; traps.c sends its #GP to the second label.
global try_rdmsr
global try_rdmsr_instruction
global try_rdmsr_fault
try_rdmsr:
    mov ecx, edi
try_rdmsr_instruction:
    rdmsr
    shl rdx, 32
    or rax, rdx
    mov [rsi], rax
    mov eax, 1
    ret
try_rdmsr_fault:
    xor eax, eax
    ret
