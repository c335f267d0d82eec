/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Every limit on what comes from outside, with its unit and reason. "Lambda" means the
 * published quota of AWS Lambda, kept so that what works there works here.
 */

/* Payloads (bytes) */
#define LIMIT_PAYLOAD 6291556       /* Lambda: 6 MB and 100 bytes, request and response */
#define LIMIT_PAYLOAD_ASYNC 1048576 /* Lambda: event invocations */
#define LIMIT_TRANSFORMED 1048576   /* what an input transformation makes; as asynchronous events */
#define LIMIT_STREAM_RESPONSE (200ll << 20) /* Lambda: a streamed response */
#define LIMIT_API_PAYLOAD 10485760  /* API Gateway: 10 MB, of a request to an HTTP API */
#define LIMIT_API_HEAD 10240        /* API Gateway: request line and values of headers */
#define LIMIT_API_BODY (70ll << 20) /* a 50 MB ZIP in base64 within JSON */
#define LIMIT_LOG_TAIL 4096         /* Lambda: LogType=Tail gives the last 4 KB */
#define LIMIT_CLIENT_CONTEXT 3583   /* Lambda: bytes of X-Amz-Client-Context */

/* Deployment packages */
#define LIMIT_ZIP_BYTES 52428800        /* Lambda: 50 MB zipped, direct upload */
#define LIMIT_UNZIPPED_BYTES 262144000  /* Lambda: 250 MB unzipped */
#define LIMIT_ZIP_ENTRIES 20000         /* inodes a package may cost; large SDK trees have 15k */
#define LIMIT_ZIP_RATIO 200             /* unzipped : zipped of one entry above 1 MB; deflate's end is 1032 */
#define LIMIT_ZIP_NAME 1024             /* bytes of an entry's path */
#define LIMIT_ZIP_DEPTH 64              /* folders deep */
#define LIMIT_YAML_BYTES (64 << 10)     /* function.yaml */

/* Events */
#define LIMIT_EVENT_DEPTH 1000      /* levels of a matched event: stack of the scanner */
#define LIMIT_SHAPE_NODES 20000     /* schemas within one JSON Schema */
#define LIMIT_SHAPE_DEPTH 200       /* schemas within schemas when a value is checked: stack */
#define LIMIT_SHAPE_STEPS 100000    /* schemas applied to one value, and 64 more for each value in it */
#define LIMIT_SHAPE_US 50000        /* of processor time for one value: a shard's others wait */
#define LIMIT_SHAPE_FILL (1 << 20)  /* bytes of defaults put into one value */
#define LIMIT_REGEX_STEPS 100000    /* of matching one regular expression: about a millisecond */
#define LIMIT_REGEX_BYTES 4096      /* of its source */
#define LIMIT_PATTERN_BYTES 16384   /* EventBridge: an event pattern of 4096 characters */

/* Configuration */
#define LIMIT_FUNCTION_NAME 64      /* Lambda */
#define LIMIT_HANDLER 128           /* Lambda */
#define LIMIT_ALIASES 1000          /* of one function, which is one document */
#define LIMIT_DESCRIPTION 256       /* Lambda */
#define LIMIT_ENVIRONMENT_BYTES 4096 /* Lambda: all names and values, as JSON */
#define LIMIT_MEMORY_MB_MIN 128     /* Lambda */
#define LIMIT_MEMORY_MB_MAX 10240   /* Lambda */
#define LIMIT_TIMEOUT_S 900         /* Lambda */
#define LIMIT_TMP_MB_MIN 512        /* Lambda: /tmp */
#define LIMIT_TMP_MB_MAX 10240      /* Lambda */
#define LIMIT_LAYERS 5              /* Lambda: per function */
#define LIMIT_TAGS 50               /* Lambda: per function */
#define LIMIT_POLICY_BYTES 20480    /* Lambda: a resource policy */
#define LIMIT_ROUTES 1000           /* of one function.yaml: a method and a path each */
#define LIMIT_CALLS 64              /* names under `calls`, under `queues` in function.yaml */

/* Asynchronous invocation */
#define LIMIT_ASYNC_RETRIES 2       /* Lambda: after the first attempt, unless configured */
#define LIMIT_ASYNC_AGE_S 21600     /* Lambda: seconds an event is tried, unless configured */
#define LIMIT_ASYNC_AGE_MIN_S 60    /* Lambda: the least that may be configured */
#define LIMIT_HOPS 16               /* Lambda: functions causing each other in one chain */

/* Instances */
#define LIMIT_PROCESSES 1024        /* Lambda: processes and threads */
#define LIMIT_INIT_MS 10000         /* Lambda: initialisation */
#define LIMIT_METRICS_FUNCTIONS 200 /* with measures of their own: 22 lines each */
#define LIMIT_LOG_LINE (256 << 10)  /* bytes of one log message; CloudWatch's event size */

/* Events */
#define LIMIT_CLOUD_ATTRIBUTES 64   /* of one CloudEvent; looking one up is linear */
#define LIMIT_CLOUD_VALUE 65536     /* bytes of an attribute's value; bounds what LIKE compares */
#define LIMIT_CLOUD_BATCH 1000      /* CloudEvents in one request */
#define LIMIT_TRIGGER_FILTERS 256   /* of one Knative trigger */
#define LIMIT_TRIGGER_DEPTH 32      /* filters within each other; bounds recursion */
#define LIMIT_SELECTOR_BYTES 1024   /* a selector of functions by tag */
#define LIMIT_CESQL_BYTES 4096      /* of an expression */
#define LIMIT_CESQL_DEPTH 128       /* brackets and signs within each other; bounds recursion */
#define LIMIT_CESQL_STRING 1048576  /* bytes that CONCAT may make */


/* Queues */
#define LIMIT_QUEUE_NAME 80 /* SQS: with ".fifo" */
#define LIMIT_QUEUE_BODIES (64ll << 20) /* bytes of message bodies in memory, a shard; the rest is read from disk */
/* HTTP and WebSocket APIs */
#define LIMIT_API_ROUTES 20000 /* of one API, and of its integrations; API Gateway: 300 unless raised */

/* Event buses */
#define LIMIT_BUSES 1000        /* EventBridge: 100 unless raised */
#define LIMIT_RULES 100000      /* a bus; EventBridge: 300 unless raised. The matcher is made for it */
#define LIMIT_RULE_TARGETS 5    /* EventBridge */
#define LIMIT_BUS_POLICY 10240  /* EventBridge: characters of a bus's policy */
#define LIMIT_REPLAYS 10        /* EventBridge: active at once */
#define LIMIT_EVENT_POST 1048576 /* bytes of a request of CloudEvents; what a function may be given */
#define LIMIT_BUS_HOPS 5        /* buses an event goes through, one after the other */
