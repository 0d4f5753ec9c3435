/* Copyright (c) 2026, the gpufleet.openstack authors
 * GNU General Public License v3.0+ (see LICENSE or
 * https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A stand-in for libnvidia-ml.so.1: the silicon and the kernel driver are fake, the
 * calls into the library are real. Functions, structures and numbers are those of
 * NVIDIA's nvml.h. The file that FAKE_NVML names is read at nvmlInit_v2; a line each:
 *
 *   init CODE             answer of nvmlInit_v2
 *   gpu ADDRESS STATE     state: ok, lost, handle_lost, no_handle, noperm, hang, crash,
 *                         unsupported, integrated
 *   set NAME NUMBER       of the last gpu: ecc_uncorrected, remap_pending,
 *                         remap_failed, throttle, utilization
 *   uuid TEXT             of the last gpu
 *   serial TEXT           of the last gpu
 *   mig PROFILE           an instance of the last gpu
 *   process PID BYTES     computes on the last gpu, or on its last instance
 *   draws PID BYTES       draws on the last gpu, as an X server does
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int Return;
typedef unsigned int Uint;
typedef unsigned long long Ulong;

enum {
    SUCCESS = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NO_PERMISSION = 4,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    GPU_IS_LOST = 15,
    LIB_RM_VERSION_MISMATCH = 18
};

struct process {
    Uint pid;
    Ulong memory;
    Uint gpu_instance, compute_instance;
};

struct device {
    struct device *parent;
    char address[32], state[16], profile[16], uuid[48], serial[32];
    int index, migs;
    struct device *mig[8];
    int processes, drawing;
    struct process process[128], draws[8];
    Ulong ecc_uncorrected, throttle;
    Uint remap_pending, remap_failed, utilization;
};

static struct device *devices[16];
static int count, initialized;

static struct device *new_device(struct device *parent, int index) {
    struct device *made = calloc(1, sizeof *made);
    made->parent = parent;
    made->index = index;
    made->utilization = 30 + index;
    return made;
}

static Return load(void) {
    const char *name = getenv("FAKE_NVML");
    FILE *file = name ? fopen(name, "r") : NULL;
    char line[256], word[64];
    Ulong number, memory;
    struct device *gpu = NULL, *holder = NULL;
    int code = SUCCESS;

    if (!file)
        return DRIVER_NOT_LOADED;
    count = 0;
    while (fgets(line, sizeof line, file)) {
        struct device *made;
        if (sscanf(line, "init %d", &code) == 1)
            continue;
        made = new_device(NULL, count);
        if (sscanf(line, "gpu %31s %15s", made->address, made->state) == 2) {
            devices[count++] = gpu = holder = made;
        } else if (sscanf(line, "mig %15s", made->profile) == 1) {
            made->parent = gpu;
            made->index = gpu->migs;
            gpu->mig[gpu->migs++] = holder = made;
        } else if (sscanf(line, "process %llu %llu", &number, &memory) == 2) {
            struct process held = {(Uint)number, memory, ~0u, ~0u};
            holder->process[holder->processes++] = held;
        } else if (sscanf(line, "uuid %47s", made->uuid) == 1) {
            strcpy(gpu->uuid, made->uuid);
        } else if (sscanf(line, "serial %31s", made->serial) == 1) {
            strcpy(gpu->serial, made->serial);
        } else if (sscanf(line, "draws %llu %llu", &number, &memory) == 2) {
            struct process held = {(Uint)number, memory, ~0u, ~0u};
            gpu->draws[gpu->drawing++] = held;
        } else if (sscanf(line, "set %63s %llu", word, &number) == 2) {
            if (!strcmp(word, "ecc_uncorrected"))
                gpu->ecc_uncorrected = number;
            else if (!strcmp(word, "remap_pending"))
                gpu->remap_pending = (Uint)number;
            else if (!strcmp(word, "remap_failed"))
                gpu->remap_failed = (Uint)number;
            else if (!strcmp(word, "throttle"))
                gpu->throttle = number;
            else if (!strcmp(word, "utilization"))
                gpu->utilization = (Uint)number;
        }
    }
    fclose(file);
    return code;
}

static int is(struct device *gpu, const char *state) {
    return !strcmp((gpu->parent ? gpu->parent : gpu)->state, state);
}

/* What a device's state does to every call that takes its handle. */
static Return state(struct device *gpu) {
    if (!initialized)
        return UNINITIALIZED;
    if (!gpu)
        return INVALID_ARGUMENT;
    if (is(gpu, "lost"))
        return GPU_IS_LOST;
    if (is(gpu, "noperm"))
        return NO_PERMISSION;
    if (is(gpu, "crash"))
        raise(SIGSEGV);
    while (is(gpu, "hang"))
        pause();
    return SUCCESS;
}

#define NEED(gpu)                                                                      \
    do {                                                                               \
        Return code_ = state(gpu);                                                     \
        if (code_)                                                                     \
            return code_;                                                              \
    } while (0)
#define NEED_SENSOR(gpu)                                                               \
    do {                                                                               \
        NEED(gpu);                                                                     \
        if (is(gpu, "unsupported") || (gpu)->parent)                                   \
            return NOT_SUPPORTED;                                                      \
    } while (0)

static Return put(char *buffer, Uint size, const char *text) {
    if (strlen(text) + 1 > size)
        return INSUFFICIENT_SIZE;
    strcpy(buffer, text);
    return SUCCESS;
}

Return nvmlInitWithFlags(Uint flags) {
    Return code = load();
    (void)flags;
    if (code == SUCCESS)
        initialized = 1;
    return code;
}
Return nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
Return nvmlShutdown(void) {
    initialized = 0;
    return SUCCESS;
}

const char *nvmlErrorString(Return code) {
    switch (code) {
    case SUCCESS:
        return "Success";
    case UNINITIALIZED:
        return "Uninitialized";
    case INVALID_ARGUMENT:
        return "Invalid Argument";
    case NOT_SUPPORTED:
        return "Not Supported";
    case NO_PERMISSION:
        return "Insufficient Permissions";
    case NOT_FOUND:
        return "Not Found";
    case INSUFFICIENT_SIZE:
        return "Insufficient Size";
    case DRIVER_NOT_LOADED:
        return "Driver Not Loaded";
    case GPU_IS_LOST:
        return "GPU is lost";
    case LIB_RM_VERSION_MISMATCH:
        return "Driver/library version mismatch";
    }
    return "Unknown Error";
}

Return nvmlSystemGetDriverVersion(char *buffer, Uint size) {
    return put(buffer, size, "550.163.01");
}
Return nvmlSystemGetNVMLVersion(char *buffer, Uint size) {
    return put(buffer, size, "12.550.163.01");
}
Return nvmlDeviceGetCount_v2(Uint *number) {
    *number = (Uint)count;
    return initialized ? SUCCESS : UNINITIALIZED;
}

static Return handle(struct device *found, struct device **gpu) {
    if (is(found, "no_handle"))
        return NOT_FOUND;
    if (is(found, "handle_lost"))
        return GPU_IS_LOST;
    *gpu = found;
    return SUCCESS;
}
Return nvmlDeviceGetHandleByPciBusId_v2(const char *address, struct device **gpu) {
    int index;
    for (index = 0; index < count; index++)
        if (!strcasecmp(devices[index]->address, address))
            return handle(devices[index], gpu);
    return NOT_FOUND;
}
Return nvmlDeviceGetHandleByIndex_v2(Uint index, struct device **gpu) {
    return (int)index < count ? handle(devices[index], gpu) : INVALID_ARGUMENT;
}

Return nvmlDeviceGetName(struct device *gpu, char *buffer, Uint size) {
    char text[64] = "NVIDIA A100-SXM4-40GB";
    NEED(gpu);
    if (gpu->parent)
        snprintf(text, sizeof text, "NVIDIA A100-SXM4-40GB MIG %s", gpu->profile);
    return put(buffer, size, text);
}
Return nvmlDeviceGetUUID(struct device *gpu, char *buffer, Uint size) {
    char text[64];
    NEED(gpu);
    if (gpu->uuid[0])
        return put(buffer, size, gpu->uuid);
    snprintf(text, sizeof text, "%s-12345678-1234-1234-1234-1234567800%d%d",
             gpu->parent ? "MIG" : "GPU", gpu->parent ? gpu->parent->index : 0,
             gpu->index);
    return put(buffer, size, text);
}
Return nvmlDeviceGetSerial(struct device *gpu, char *buffer, Uint size) {
    char text[32];
    NEED_SENSOR(gpu);
    if (gpu->serial[0])
        return put(buffer, size, gpu->serial);
    snprintf(text, sizeof text, "13237210300%02d", gpu->index);
    return put(buffer, size, text);
}

Return nvmlDeviceGetMinorNumber(struct device *gpu, Uint *number) {
    NEED_SENSOR(gpu);
    *number = (Uint)gpu->index;
    return SUCCESS;
}

struct memory {
    Ulong total, free, used;
};
struct memory_v2 {
    Uint version;
    Ulong total, reserved, free, used;
};
static Ulong total(struct device *gpu) {
    return gpu->parent ? 5100273664ull : 42949672960ull;
}
static Ulong used(struct device *gpu) { return (1ull + (Ulong)gpu->index) << 30; }
Return nvmlDeviceGetMemoryInfo(struct device *gpu, struct memory *memory) {
    NEED(gpu);
    if (is(gpu, "integrated"))
        return NOT_SUPPORTED;
    memory->total = total(gpu);
    memory->used = used(gpu) + (600ull << 20);
    memory->free = memory->total - memory->used;
    return SUCCESS;
}
Return nvmlDeviceGetMemoryInfo_v2(struct device *gpu, struct memory_v2 *memory) {
    NEED(gpu);
    if (is(gpu, "integrated"))
        return NOT_SUPPORTED;
    if (memory->version != (sizeof *memory | 2u << 24))
        return INVALID_ARGUMENT;
    memory->total = total(gpu);
    memory->reserved = 600ull << 20;
    memory->used = used(gpu);
    memory->free = memory->total - memory->used - memory->reserved;
    return SUCCESS;
}

struct utilization {
    Uint gpu, memory;
};
Return nvmlDeviceGetUtilizationRates(struct device *gpu, struct utilization *rates) {
    NEED_SENSOR(gpu);
    if (gpu->migs) /* as an A100 under MIG */
        return NOT_SUPPORTED;
    rates->gpu = gpu->utilization;
    rates->memory = 5;
    return SUCCESS;
}
Return nvmlDeviceGetPowerUsage(struct device *gpu, Uint *milliwatts) {
    NEED_SENSOR(gpu);
    *milliwatts = 62500 + 1000 * (Uint)gpu->index;
    return SUCCESS;
}
Return nvmlDeviceGetEnforcedPowerLimit(struct device *gpu, Uint *milliwatts) {
    NEED_SENSOR(gpu);
    *milliwatts = 400000;
    return SUCCESS;
}
Return nvmlDeviceGetTotalEnergyConsumption(struct device *gpu, Ulong *millijoules) {
    NEED_SENSOR(gpu);
    *millijoules = 123456;
    return SUCCESS;
}
Return nvmlDeviceGetTemperature(struct device *gpu, int sensor, Uint *celsius) {
    NEED_SENSOR(gpu);
    if (sensor)
        return INVALID_ARGUMENT;
    *celsius = 40 + (Uint)gpu->index;
    return SUCCESS;
}

struct field {
    Uint field, scope;
    long long timestamp, latency;
    Uint type;
    Return result;
    union {
        double number;
        Uint uint;
        Ulong ulong;
    } value;
};
Return nvmlDeviceGetFieldValues(struct device *gpu, int number, struct field *fields) {
    int index;
    NEED_SENSOR(gpu);
    for (index = 0; index < number; index++) {
        fields[index].result = fields[index].field == 82 ? SUCCESS : NOT_SUPPORTED;
        fields[index].value.uint = 55; /* of the memory, in degrees */
    }
    return SUCCESS;
}

Return nvmlDeviceGetTotalEccErrors(struct device *gpu, int type, int counter,
                                   Ulong *errors) {
    NEED_SENSOR(gpu);
    if (counter != 0) /* volatile: since the driver was loaded */
        return INVALID_ARGUMENT;
    *errors = type ? gpu->ecc_uncorrected : 4;
    return SUCCESS;
}
Return nvmlDeviceGetRemappedRows(struct device *gpu, Uint *corrected,
                                 Uint *uncorrected, Uint *pending, Uint *failed) {
    NEED_SENSOR(gpu);
    *corrected = *uncorrected = 0;
    *pending = gpu->remap_pending;
    *failed = gpu->remap_failed;
    return SUCCESS;
}
Return nvmlDeviceGetCurrentClocksThrottleReasons(struct device *gpu, Ulong *reasons) {
    NEED_SENSOR(gpu);
    *reasons = gpu->throttle;
    return SUCCESS;
}
Return nvmlDeviceGetCurrPcieLinkGeneration(struct device *gpu, Uint *number) {
    NEED_SENSOR(gpu);
    *number = 4;
    return SUCCESS;
}
Return nvmlDeviceGetCurrPcieLinkWidth(struct device *gpu, Uint *number) {
    NEED_SENSOR(gpu);
    *number = 16;
    return SUCCESS;
}

Return nvmlDeviceGetMigMode(struct device *gpu, Uint *now, Uint *later) {
    NEED_SENSOR(gpu);
    *now = *later = gpu->migs > 0;
    return SUCCESS;
}
Return nvmlDeviceGetMaxMigDeviceCount(struct device *gpu, Uint *number) {
    NEED_SENSOR(gpu);
    *number = 7;
    return SUCCESS;
}
Return nvmlDeviceGetMigDeviceHandleByIndex(struct device *gpu, Uint index,
                                           struct device **instance) {
    NEED_SENSOR(gpu);
    if ((int)index >= gpu->migs)
        return NOT_FOUND;
    *instance = gpu->mig[index];
    return SUCCESS;
}

static Return processes(struct process *held, int count, Uint *number,
                        struct process *found) {
    Uint room = *number;
    *number = (Uint)count;
    if (room < *number)
        return INSUFFICIENT_SIZE;
    memcpy(found, held, *number * sizeof *found);
    return SUCCESS;
}
Return nvmlDeviceGetComputeRunningProcesses_v3(struct device *gpu, Uint *number,
                                               struct process *found) {
    NEED(gpu);
    if (is(gpu, "unsupported"))
        return NOT_SUPPORTED;
    return processes(gpu->process, gpu->processes, number, found);
}
Return nvmlDeviceGetGraphicsRunningProcesses_v3(struct device *gpu, Uint *number,
                                                struct process *found) {
    NEED(gpu);
    return processes(gpu->draws, gpu->drawing, number, found);
}
