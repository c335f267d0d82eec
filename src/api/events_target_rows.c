/* SPDX-License-Identifier: Apache-2.0 */
#include "api/events_priv.h"

/* The parameters of a rule's target, in AWS's order: it shows them all where a list of targets is
 * too long. Those of services that Evoke does not send to are checked and kept likewise. */

#define LIST(name, at, least, most, row)                                               \
    {                                                                                  \
        PARAM_BODY, PARAM_LIST, name, at, .min = least, .max = most, .members = &(row) \
    }
#define LIST_NEEDED(name, at, least, most, row)                                        \
    {                                                                                  \
        PARAM_BODY, PARAM_LIST, name, at, .required = true, .min = least, .max = most, \
                                          .members = &(row)                            \
    }
#define OBJECT(name, at, rows)                              \
    {                                                       \
        PARAM_BODY, PARAM_OBJECT, name, at, .members = rows \
    }
#define NUMBER(name, at, least, most)                              \
    {                                                              \
        PARAM_BODY, PARAM_INT, name, at, .min = least, .max = most \
    }
#define CHOICE(name, at, all)                             \
    {                                                     \
        PARAM_BODY, PARAM_STRING, name, at, .values = all \
    }

static const struct param any_string = {PARAM_BODY, PARAM_STRING, "", ""};

/* --- InputTransformer --- */

static const struct param input_path = {PARAM_BODY, PARAM_STRING, "", "", .max = 256};
static const struct param transformer_rows[] = {
    {PARAM_BODY, PARAM_MAP, "InputPathsMap", "inputPathsMap", .max = 100, .members = &input_path,
     .key_matches = name_is_path_key, .key_max = 256, .key_pattern = "[A-Za-z0-9\\_\\-]+"},
    ROW_TEXT_NEEDED("InputTemplate", "inputTemplate", 1, 8192),
    {0},
};

/* --- Kinesis, Run Command --- */

static const struct param kinesis_rows[] = {
    ROW_TEXT_NEEDED("PartitionKeyPath", "partitionKeyPath", 0, 256), {0}};

static const struct param command_value = {PARAM_BODY, PARAM_STRING, "", "", .min = 1, .max = 256};
static const struct param command_rows[] = {
    ROW_TEXT_NEEDED("Key", "key", 1, 128),
    LIST_NEEDED("Values", "values", 1, 50, command_value),
    {0},
};
static const struct param command_row = OBJECT("", "", command_rows);
static const struct param commands_rows[] = {
    LIST_NEEDED("RunCommandTargets", "runCommandTargets", 1, 5, command_row), {0}};

/* --- ECS --- */

static const struct param network_rows[] = {
    LIST_NEEDED("Subnets", "subnets", 0, 0, any_string),
    LIST("SecurityGroups", "securityGroups", 0, 0, any_string),
    CHOICE("AssignPublicIp", "assignPublicIp", "DISABLED, ENABLED"),
    {0},
};
static const struct param networks_rows[] = {
    OBJECT("awsvpcConfiguration", "awsvpcConfiguration", network_rows), {0}};
static const struct param capacity_rows[] = {
    ROW_TEXT_NEEDED("capacityProvider", "capacityProvider", 1, 255),
    NUMBER("weight", "weight", 0, 1000),
    NUMBER("base", "base", 0, 100000),
    {0},
};
static const struct param capacity_row = OBJECT("", "", capacity_rows);
static const struct param constraint_rows[] = {
    CHOICE("type", "type", "distinctInstance, memberOf"),
    ROW_TEXT("expression", "expression", 0, 2000),
    {0},
};
static const struct param constraint_row = OBJECT("", "", constraint_rows);
static const struct param strategy_rows[] = {
    CHOICE("type", "type", "random, spread, binpack"), ROW_TEXT("field", "field", 0, 255), {0}};
static const struct param strategy_row = OBJECT("", "", strategy_rows);
static const struct param ecs_rows[] = {
    ROW_TEXT_NEEDED("TaskDefinitionArn", "taskDefinitionArn", 1, 1600),
    NUMBER("TaskCount", "taskCount", 1, INT32_MAX),
    CHOICE("LaunchType", "launchType", "EC2, FARGATE, EXTERNAL"),
    OBJECT("NetworkConfiguration", "networkConfiguration", networks_rows),
    LIST("CapacityProviderStrategy", "capacityProviderStrategy", 0, 6, capacity_row),
    LIST("PlacementConstraints", "placementConstraints", 0, 10, constraint_row),
    LIST("PlacementStrategy", "placementStrategy", 0, 5, strategy_row),
    CHOICE("PropagateTags", "propagateTags", "TASK_DEFINITION"),
    ROW_TEXT("ReferenceId", "referenceId", 0, 1024),
    ROW_TAGS,
    {0},
};

/* --- Batch, SQS, HTTP --- */

static const struct param batch_rows[] = {
    {PARAM_BODY, PARAM_STRING, "JobDefinition", "jobDefinition", .required = true},
    {PARAM_BODY, PARAM_STRING, "JobName", "jobName", .required = true},
    {0},
};

static const struct param sqs_rows[] = {ROW_TEXT("MessageGroupId", "messageGroupId", 0, 100), {0}};

static const struct param path_value = {
    PARAM_BODY, PARAM_STRING, "", "", .pattern = "^(?!\\s*$).+", .matches = name_is_path_value};
static const struct param header_value = {PARAM_BODY,
                                          PARAM_STRING,
                                          "",
                                          "",
                                          .max = 512,
                                          .pattern = PATTERN_HEADER_VALUE,
                                          .matches = name_is_header_value};
static const struct param query_value = {PARAM_BODY,
                                         PARAM_STRING,
                                         "",
                                         "",
                                         .max = 512,
                                         .pattern = PATTERN_QUERY_VALUE,
                                         .matches = name_is_query_value};
static const struct param http_rows[] = {
    LIST("PathParameterValues", "pathParameterValues", 0, 0, path_value),
    {PARAM_BODY, PARAM_MAP, "HeaderParameters", "headerParameters", .members = &header_value,
     .key_matches = name_is_header_key, .key_max = 512, .key_pattern = PATTERN_HEADER_KEY},
    {PARAM_BODY, PARAM_MAP, "QueryStringParameters", "queryStringParameters",
     .members = &query_value, .key_matches = name_is_query_key, .key_max = 512,
     .key_pattern = PATTERN_QUERY_KEY},
    {0},
};

/* --- Redshift, SageMaker, AppSync --- */

static const struct param statement = {PARAM_BODY, PARAM_STRING, "", "", .min = 1, .max = 100000};
static const struct param redshift_rows[] = {
    ROW_TEXT("SecretManagerArn", "secretManagerArn", 1, 1600),
    ROW_TEXT_NEEDED("Database", "database", 1, 64),
    ROW_TEXT("DbUser", "dbUser", 1, 128),
    {PARAM_BODY, PARAM_STRING, "Sql", "sql", .min = 1, .max = 100000, .sensitive = true},
    ROW_TEXT("StatementName", "statementName", 1, 500),
    {PARAM_BODY, PARAM_BOOL, "WithEvent", "withEvent"},
    LIST("Sqls", "sqls", 0, 40, statement),
    {0},
};

static const struct param pipeline_rows[] = {
    ROW_TEXT_NEEDED("Name", "name", 1, 256), ROW_TEXT_NEEDED("Value", "value", 0, 1024), {0}};
static const struct param pipeline_row = OBJECT("", "", pipeline_rows);
static const struct param sagemaker_rows[] = {
    LIST("PipelineParameterList", "pipelineParameterList", 0, 200, pipeline_row), {0}};

static const struct param appsync_rows[] = {
    {PARAM_BODY, PARAM_STRING, "GraphQLOperation", "graphQLOperation", .min = 1, .max = 1 << 20,
     .sensitive = true},
    {0},
};

/* --- the target --- */

static const struct param dead_letter_rows[] = {ROW_TEXT("Arn", "arn", 1, 1600), {0}};
static const struct param retry_rows[] = {
    NUMBER("MaximumRetryAttempts", "maximumRetryAttempts", 0, 185),
    NUMBER("MaximumEventAgeInSeconds", "maximumEventAgeInSeconds", 60, 86400),
    {0},
};
static const struct param target_rows[] = {
    ROW_NAME("Id", "id", 64),
    ROW_TEXT_NEEDED("Arn", "arn", 1, 1600),
    ROW_TEXT("RoleArn", "roleArn", 1, 1600),
    ROW_TEXT("Input", "input", 0, 8192),
    ROW_TEXT("InputPath", "inputPath", 0, 256),
    OBJECT("InputTransformer", "inputTransformer", transformer_rows),
    OBJECT("KinesisParameters", "kinesisParameters", kinesis_rows),
    OBJECT("RunCommandParameters", "runCommandParameters", commands_rows),
    OBJECT("EcsParameters", "ecsParameters", ecs_rows),
    OBJECT("BatchParameters", "batchParameters", batch_rows),
    OBJECT("SqsParameters", "sqsParameters", sqs_rows),
    OBJECT("HttpParameters", "httpParameters", http_rows),
    OBJECT("RedshiftDataParameters", "redshiftDataParameters", redshift_rows),
    OBJECT("SageMakerPipelineParameters", "sageMakerPipelineParameters", sagemaker_rows),
    OBJECT("DeadLetterConfig", "deadLetterConfig", dead_letter_rows),
    OBJECT("RetryPolicy", "retryPolicy", retry_rows),
    OBJECT("AppSyncParameters", "appSyncParameters", appsync_rows),
    {0},
};

const struct param events_target_row = {PARAM_BODY, PARAM_OBJECT,           "",
                                        "",         .members = target_rows, .java_name = "Target"};
