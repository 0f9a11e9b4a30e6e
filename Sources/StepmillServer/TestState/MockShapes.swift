// What services answer, as far as mocked results are held against it: facts of their public API
// models, in the notation of `MockShape`. Nesting is cut off where it goes deep.

enum MockShapes {
  /// What a task's service answers; nil where it is not known. A job that is waited for answers
  /// what its service says about the job.
  static func response(of resource: TaskResourceName) -> MockShape? {
    var service = resource.service
    if service.hasPrefix("aws-sdk:") { service = String(service.dropFirst(8)) }
    service = aliases[service] ?? service
    let call = "\(service):\(resource.action)"
    if resource.pattern == .sync || resource.pattern == .sync2 { return job(call) }
    return table[Substring(call)].map { MockShape(String($0)) }
  }

  private static let aliases = ["states": "sfn", "events": "eventbridge", "bedrock": "bedrockruntime"]

  /// What a job that was waited for results in: the answer of the call that tells how it goes, or
  /// the part of it that is about the one job.
  private static func job(_ call: String) -> MockShape? {
    guard let job = jobs[call], let text = table[job.polled] else { return nil }
    let answer = MockShape(String(text))
    guard let part = job.part else { return job.hasMoments ? answer.withoutMoments : answer }
    return answer.part(part)?.withoutMoments
  }

  private struct Job {
    let polled: Substring
    /// The member that has the job, or a list of jobs; nil: the result is the whole answer.
    var part: String?
    /// Its moments are no texts, as they are in the service's answer, but milliseconds.
    var hasMoments = true
  }

  private static let jobs = [
    "sfn:startExecution": Job(polled: "sfn:describeExecution", hasMoments: false),
    "batch:submitJob": Job(polled: "batch:describeJobs", part: "Jobs"),
    "ecs:runTask": Job(polled: "ecs:describeTasks", part: "Tasks"),
    "glue:startJobRun": Job(polled: "glue:getJobRun", part: "JobRun"),
    "athena:startQueryExecution": Job(polled: "athena:getQueryExecution"),
    "codebuild:startBuild": Job(polled: "codebuild:startBuild"),
  ]

  /// A shape that several others hold.
  static func shared(_ name: Substring) -> MockShape {
    guard let text = table["@\(name)"] else {
      preconditionFailure("BUG in Stepmill (please report): no shape @\(name)")
    }
    return MockShape(String(text))
  }

  /// One line for each call: its name, a blank, the shape. In front of them, with an `@`, shapes that several hold.
  static let table: [Substring: Substring] = Dictionary(
    uniqueKeysWithValues: rows.split(separator: "\n").map { row in
      let blank = row.firstIndex(of: " ") ?? row.endIndex
      return (row[..<blank], row[blank...].dropFirst())
    })

  private static let rows = """
    @AttributeValues {S=s,N=s,B=s,SS=[s],NS=[s],BS=[s],M=<*>,L=[*],NULL=b,BOOL=b}
    @BuildArtifacts {Location=s,Sha256sum=s,Md5sum=s,OverrideArtifactName=b,EncryptionDisabled=b,\
    ArtifactIdentifier=s,BucketOwnerAccess=s(NONE|READ_ONLY|FULL)}
    @BuildSource {Type!=s(CODECOMMIT|CODEPIPELINE|GITHUB|GITLAB|GITLAB_SELF_MANAGED|S3|BITBUCKET|\
    GITHUB_ENTERPRISE|NO_SOURCE),Location=s,GitCloneDepth=n(0,),\
    GitSubmodulesConfig={FetchSubmodules!=b},Buildspec=s,Auth={Type!=s(OAUTH|CODECONNECTIONS|\
    SECRETS_MANAGER),Resource=s},ReportBuildStatus=b,BuildStatusConfig={Context=s,TargetUrl=s},\
    InsecureSsl=b,SourceIdentifier=s}
    @ChangedItem {Attributes=<@AttributeValues>,ConsumedCapacity=@ConsumedCapacity,\
    ItemCollectionMetrics=@ItemCollectionMetrics}
    @ComputeType s(BUILD_GENERAL1_SMALL|BUILD_GENERAL1_MEDIUM|BUILD_GENERAL1_LARGE|\
    BUILD_GENERAL1_XLARGE|BUILD_GENERAL1_2XLARGE|BUILD_LAMBDA_1GB|BUILD_LAMBDA_2GB|BUILD_LAMBDA_4GB|\
    BUILD_LAMBDA_8GB|BUILD_LAMBDA_10GB|ATTRIBUTE_BASED_COMPUTE|CUSTOM_INSTANCE_TYPE)
    @ConsumedCapacity {TableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits=n,\
    Table=@TableCapacity,LocalSecondaryIndexes=<@TableCapacity>,\
    GlobalSecondaryIndexes=<@TableCapacity>}
    @ContainerTask {Attachments=[{Id=s,Type=s,Status=s,Details=*}],Attributes=[{Name!=s,Value=s,\
    TargetType=s(container-instance),TargetId=s}],AvailabilityZone=s,CapacityProviderName=s,\
    ClusterArn=s,Connectivity=s(CONNECTED|DISCONNECTED),ConnectivityAt=s,ContainerInstanceArn=s,\
    Containers=[{ContainerArn=s,TaskArn=s,Name=s,Image=s,ImageDigest=s,RuntimeId=s,LastStatus=s,\
    ExitCode=n,Reason=s,NetworkBindings=*,NetworkInterfaces=*,HealthStatus=s(HEALTHY|UNHEALTHY|\
    UNKNOWN),ManagedAgents=*,Cpu=s,Memory=s,MemoryReservation=s,GpuIds=*}],Cpu=s,CreatedAt=s,\
    DesiredStatus=s,EnableExecuteCommand=b,ExecutionStoppedAt=s,Group=s,HealthStatus=s(HEALTHY|\
    UNHEALTHY|UNKNOWN),InferenceAccelerators=[{DeviceName!=s,DeviceType!=s}],LastStatus=s,\
    LaunchType=s(EC2|FARGATE|EXTERNAL|MANAGED_INSTANCES),Memory=s,Overrides={ContainerOverrides=[*],\
    Cpu=s,InferenceAcceleratorOverrides=[*],ExecutionRoleArn=s,Memory=s,TaskRoleArn=s,\
    EphemeralStorage={SizeInGiB!=n}},PlatformVersion=s,PlatformFamily=s,PullStartedAt=s,\
    PullStoppedAt=s,StartedAt=s,StartedBy=s,StopCode=s(TaskFailedToStart|EssentialContainerExited|\
    UserInitiated|ServiceSchedulerInitiated|SpotInterruption|TerminationNotice),StoppedAt=s,\
    StoppedReason=s,StoppingAt=s,Tags=[{Key=s1,Value=s}],TaskArn=s,TaskDefinitionArn=s,Version=n,\
    EphemeralStorage={SizeInGiB!=n},FargateEphemeralStorage={SizeInGiB=n,KmsKeyId=s}}
    @ContainerTasks {Tasks=[@ContainerTask],Failures=[{Arn=s,Reason=s,Detail=s}]}
    @EncryptionAlgorithm s(SYMMETRIC_DEFAULT|RSAES_OAEP_SHA_1|RSAES_OAEP_SHA_256|SM2PKE)
    @EncryptionConfiguration {KmsKeyId=s1,KmsDataKeyReusePeriodSeconds=n(60,900),\
    Type!=s(AWS_OWNED_KEY|CUSTOMER_MANAGED_KMS_KEY)}
    @ExecutionStatus s(RUNNING|SUCCEEDED|FAILED|TIMED_OUT|ABORTED|PENDING_REDRIVE)
    @FoundItems {Items=[<@AttributeValues>],Count=n,ScannedCount=n,\
    LastEvaluatedKey=<@AttributeValues>,ConsumedCapacity=@ConsumedCapacity}
    @FunctionConfiguration {FunctionName=s1,FunctionArn=s,Runtime=s,Role=s,Handler=s,CodeSize=n,\
    Description=s,Timeout=n(1,),MemorySize=n(128,10240),LastModified=s,CodeSha256=s,Version=s1,\
    VpcConfig={SubnetIds=[s],SecurityGroupIds=[s],VpcId=s,Ipv6AllowedForDualStack=b},\
    DeadLetterConfig={TargetArn=s},Environment={Variables=<s>,Error={ErrorCode=s,Message=s}},\
    KMSKeyArn=s,TracingConfig={Mode=s(Active|PassThrough)},MasterArn=s,RevisionId=s,Layers=[{Arn=s1,\
    CodeSize=n,SigningProfileVersionArn=s,SigningJobArn=s}],State=s(Pending|Active|Inactive|Failed|\
    Deactivating|Deactivated|ActiveNonInvocable|Deleting),StateReason=s,StateReasonCode=s(Idle|\
    Creating|Restoring|EniLimitExceeded|InsufficientRolePermissions|InvalidConfiguration|\
    InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|\
    ImageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|\
    DisabledKMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|\
    InvalidRuntime|InvalidZipFileException|FunctionError|DrainingDurableExecutions|\
    VcpuLimitExceeded|CapacityProviderScalingLimitExceeded|InsufficientCapacity|\
    EC2RequestLimitExceeded|FunctionError.InitTimeout|FunctionError.RuntimeInitError|\
    FunctionError.ExtensionInitError|FunctionError.InvalidEntryPoint|\
    FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDenied|\
    FunctionError.TooManyExtensions|FunctionError.InitResourceExhausted|\
    DisallowedByVpcEncryptionControl),LastUpdateStatus=s(Successful|Failed|InProgress),\
    LastUpdateStatusReason=s,LastUpdateStatusReasonCode=s(EniLimitExceeded|\
    InsufficientRolePermissions|InvalidConfiguration|InternalError|SubnetOutOfIPAddresses|\
    InvalidSubnet|InvalidSecurityGroup|ImageDeleted|ImageAccessDenied|InvalidImage|\
    KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|DisabledKMSKey|EFSIOError|\
    EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime|\
    InvalidZipFileException|FunctionError|VcpuLimitExceeded|CapacityProviderScalingLimitExceeded|\
    InsufficientCapacity|EC2RequestLimitExceeded|FunctionError.InitTimeout|\
    FunctionError.RuntimeInitError|FunctionError.ExtensionInitError|FunctionError.InvalidEntryPoint|\
    FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDenied|\
    FunctionError.TooManyExtensions|FunctionError.InitResourceExhausted|\
    DisallowedByVpcEncryptionControl),FileSystemConfigs=[{Arn!=s,LocalMountPath!=s}],\
    PackageType=s(Zip|Image),ImageConfigResponse={ImageConfig={EntryPoint=[s],Command=[s],\
    WorkingDirectory=s},Error={ErrorCode=s,Message=s}},SigningProfileVersionArn=s,SigningJobArn=s,\
    Architectures=[s(x86_64|arm64)],EphemeralStorage={Size!=n(512,10240)},\
    SnapStart={ApplyOn=s(PublishedVersions|None),OptimizationStatus=s(On|Off)},\
    RuntimeVersionConfig={RuntimeVersionArn=s,Error={ErrorCode=s,Message=s}},\
    LoggingConfig={LogFormat=s(JSON|Text),ApplicationLogLevel=s(TRACE|DEBUG|INFO|WARN|ERROR|FATAL),\
    SystemLogLevel=s(DEBUG|INFO|WARN),LogGroup=s1},\
    CapacityProviderConfig={LambdaManagedInstancesCapacityProviderConfig!={CapacityProviderArn!=s1,\
    PerExecutionEnvironmentMaxConcurrency=n(1,1600),ExecutionEnvironmentMemoryGiBPerVCpu=n(2.0,\
    8.0)}},ConfigSha256=s,DurableConfig={RetentionPeriodInDays=n(1,90),ExecutionTimeout=n(1,\
    31622400)},TenancyConfig={TenantIsolationMode!=s(PER_TENANT)}}
    @ImagePart {Quality={Brightness=n,Sharpness=n,Contrast=n},DominantColors=[*]}
    @InstanceState {Code=n,Name=s(pending|running|shutting-down|terminated|stopping|stopped)}
    @InstanceStateChange {InstanceId=s,CurrentState=@InstanceState,PreviousState=@InstanceState}
    @ItemCollectionMetrics {ItemCollectionKey=<@AttributeValues>,SizeEstimateRangeGB=[n]}
    @LoggingConfiguration {Level=s(ALL|ERROR|FATAL|OFF),IncludeExecutionData=b,\
    Destinations=[{CloudWatchLogsLogGroup=*}]}
    @MapRunCounts {Pending!=n(0,),Running!=n(0,),Succeeded!=n(0,),Failed!=n(0,),TimedOut!=n(0,),\
    Aborted!=n(0,),Total!=n(0,),ResultsWritten!=n(0,),FailuresNotRedrivable=n,PendingRedrive=n}
    @Parameter {Name=s1,Type=s(String|StringList|SecureString),Value=s,Version=n,Selector=s,\
    SourceResult=s,LastModifiedDate=s,ARN=s,DataType=s}
    @SecretReplica {Region=s1,KmsKeyId=s,Status=s(InSync|Failed|InProgress),StatusMessage=s1,\
    LastAccessedDate=s}
    @SigningAlgorithm s(RSASSA_PSS_SHA_256|RSASSA_PSS_SHA_384|RSASSA_PSS_SHA_512|\
    RSASSA_PKCS1_V1_5_SHA_256|RSASSA_PKCS1_V1_5_SHA_384|RSASSA_PKCS1_V1_5_SHA_512|ECDSA_SHA_256|\
    ECDSA_SHA_384|ECDSA_SHA_512|SM2DSA|ML_DSA_SHAKE_256|ED25519_SHA_512|ED25519_PH_SHA_512)
    @StorageClass s(STANDARD|REDUCED_REDUNDANCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|GLACIER|\
    DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|EXPRESS_ONEZONE|FSX_OPENZFS|FSX_ONTAP)
    @TableCapacity {ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}
    @TableStatus s(CREATING|UPDATING|DELETING|ACTIVE|INACCESSIBLE_ENCRYPTION_CREDENTIALS|ARCHIVING|\
    ARCHIVED|REPLICATION_NOT_AUTHORIZED)
    @TaskOutputDetails {ResourceType!=s1,Resource!=s1,Output=s,OutputDetails=*}
    lambda:createFunction @FunctionConfiguration
    lambda:getFunction {Configuration=@FunctionConfiguration,Code={RepositoryType=s,Location=s,\
    ImageUri=s,ResolvedImageUri=s,SourceKMSKeyArn=s},Tags=<s>,TagsError={ErrorCode!=s,Message!=s},\
    Concurrency={ReservedConcurrentExecutions=n(0,)}}
    lambda:getFunctionConfiguration @FunctionConfiguration
    lambda:invoke {StatusCode=n,FunctionError=s,LogResult=s,Payload=s,ExecutedVersion=s1,\
    DurableExecutionArn=s1}
    lambda:listFunctions {NextMarker=s,Functions=[@FunctionConfiguration]}
    lambda:publishVersion @FunctionConfiguration
    lambda:updateFunctionCode @FunctionConfiguration
    sqs:createQueue {QueueUrl=s}
    sqs:getQueueAttributes {Attributes=<s>}
    sqs:getQueueUrl {QueueUrl=s}
    sqs:receiveMessage {Messages=[{MessageId=s,ReceiptHandle=s,MD5OfBody=s,Body=s,Attributes=<s>,\
    MD5OfMessageAttributes=s,MessageAttributes=<*>}]}
    sqs:sendMessage {MD5OfMessageBody=s,MD5OfMessageAttributes=s,MD5OfMessageSystemAttributes=s,\
    MessageId=s,SequenceNumber=s}
    sqs:sendMessageBatch {Successful!=[{Id!=s,MessageId!=s,MD5OfMessageBody!=s,\
    MD5OfMessageAttributes=s,MD5OfMessageSystemAttributes=s,SequenceNumber=s}],Failed!=[{Id!=s,\
    SenderFault!=b,Code!=s,Message=s}]}
    sns:createTopic {TopicArn=s}
    sns:listTopics {Topics=[{TopicArn=s}],NextToken=s}
    sns:publish {MessageId=s,SequenceNumber=s}
    sns:publishBatch {Successful=[{Id=s,MessageId=s,SequenceNumber=s}],Failed=[{Id!=s,Code!=s,\
    Message=s,SenderFault!=b}]}
    sns:subscribe {SubscriptionArn=s}
    dynamodb:batchGetItem {Responses=<[<*>]>,UnprocessedKeys=<{Keys!=[*],AttributesToGet=[s],\
    ConsistentRead=b,ProjectionExpression=s,ExpressionAttributeNames=<s>}>,\
    ConsumedCapacity=[@ConsumedCapacity]}
    dynamodb:batchWriteItem {UnprocessedItems=<[{PutRequest=*,DeleteRequest=*}]>,\
    ItemCollectionMetrics=<[@ItemCollectionMetrics]>,ConsumedCapacity=[@ConsumedCapacity]}
    dynamodb:deleteItem @ChangedItem
    dynamodb:describeTable {Table={AttributeDefinitions=[{AttributeName!=s1,AttributeType!=s(S|N|\
    B)}],TableName=s3,KeySchema=[{AttributeName!=s1,KeyType!=s(HASH|RANGE)}],\
    TableStatus=@TableStatus,CreationDateTime=s,ProvisionedThroughput={LastIncreaseDateTime=s,\
    LastDecreaseDateTime=s,NumberOfDecreasesToday=n(1,),ReadCapacityUnits=n(0,),\
    WriteCapacityUnits=n(0,)},TableSizeBytes=n,ItemCount=n,TableArn=s,TableId=s,\
    BillingModeSummary={BillingMode=s(PROVISIONED|PAY_PER_REQUEST),\
    LastUpdateToPayPerRequestDateTime=s},LocalSecondaryIndexes=[{IndexName=s3,KeySchema=*,\
    Projection=*,IndexSizeBytes=n,ItemCount=n,IndexArn=s}],GlobalSecondaryIndexes=[{IndexName=s3,\
    KeySchema=*,Projection=*,IndexStatus=s(CREATING|UPDATING|DELETING|ACTIVE),Backfilling=b,\
    ProvisionedThroughput=*,IndexSizeBytes=n,ItemCount=n,IndexArn=s,OnDemandThroughput=*,\
    WarmThroughput=*}],StreamSpecification={StreamEnabled!=b,StreamViewType=s(NEW_IMAGE|OLD_IMAGE|\
    NEW_AND_OLD_IMAGES|KEYS_ONLY)},LatestStreamLabel=s,LatestStreamArn=s,GlobalTableVersion=s,\
    Replicas=[{RegionName=s,ReplicaStatus=s(CREATING|CREATION_FAILED|UPDATING|DELETING|ACTIVE|\
    REGION_DISABLED|INACCESSIBLE_ENCRYPTION_CREDENTIALS|ARCHIVING|ARCHIVED|\
    REPLICATION_NOT_AUTHORIZED),ReplicaArn=s,ReplicaStatusDescription=s,\
    ReplicaStatusPercentProgress=s,KMSMasterKeyId=s,ProvisionedThroughputOverride=*,\
    OnDemandThroughputOverride=*,WarmThroughput=*,GlobalSecondaryIndexes=*,\
    ReplicaInaccessibleDateTime=s,ReplicaTableClassSummary=*,\
    GlobalTableSettingsReplicationMode=s(ENABLED|DISABLED|ENABLED_WITH_OVERRIDES)}],\
    GlobalTableWitnesses=[{RegionName=s,WitnessStatus=s(CREATING|DELETING|ACTIVE)}],\
    GlobalTableSettingsReplicationMode=s(ENABLED|DISABLED|ENABLED_WITH_OVERRIDES),\
    RestoreSummary={SourceBackupArn=s,SourceTableArn=s1,RestoreDateTime!=s,RestoreInProgress!=b},\
    SSEDescription={Status=s(ENABLING|ENABLED|DISABLING|DISABLED|UPDATING),SSEType=s(AES256|KMS),\
    KMSMasterKeyArn=s,InaccessibleEncryptionDateTime=s},ArchivalSummary={ArchivalDateTime=s,\
    ArchivalReason=s,ArchivalBackupArn=s},TableClassSummary={TableClass=s(STANDARD|\
    STANDARD_INFREQUENT_ACCESS),LastUpdateDateTime=s},DeletionProtectionEnabled=b,\
    OnDemandThroughput={MaxReadRequestUnits=n,MaxWriteRequestUnits=n},\
    WarmThroughput={ReadUnitsPerSecond=n(1,),WriteUnitsPerSecond=n(1,),Status=@TableStatus},\
    MultiRegionConsistency=s(EVENTUAL|STRONG)}}
    dynamodb:getItem {Item=<@AttributeValues>,ConsumedCapacity=@ConsumedCapacity}
    dynamodb:putItem @ChangedItem
    dynamodb:query @FoundItems
    dynamodb:scan @FoundItems
    dynamodb:transactWriteItems {ConsumedCapacity=[@ConsumedCapacity],\
    ItemCollectionMetrics=<[@ItemCollectionMetrics]>}
    dynamodb:updateItem @ChangedItem
    eventbridge:describeRule {Name=s1,Arn=s1,EventPattern=s,ScheduleExpression=s,State=s(ENABLED|\
    DISABLED|ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS),Description=s,RoleArn=s1,ManagedBy=s1,\
    EventBusName=s1,CreatedBy=s1}
    eventbridge:putEvents {FailedEntryCount=n,Entries=[{EventId=s,ErrorCode=s,ErrorMessage=s}]}
    eventbridge:putRule {RuleArn=s1}
    sfn:createActivity {ActivityArn!=s1,CreationDate!=s}
    sfn:createStateMachine {StateMachineArn!=s1,CreationDate!=s,StateMachineVersionArn=s1}
    sfn:createStateMachineAlias {StateMachineAliasArn!=s1,CreationDate!=s}
    sfn:describeActivity {ActivityArn!=s1,Name!=s1,CreationDate!=s,\
    EncryptionConfiguration=@EncryptionConfiguration}
    sfn:describeExecution {ExecutionArn!=s1,StateMachineArn!=s1,Name=s1,Status!=@ExecutionStatus,\
    StartDate!=s,StopDate=s,Input=s,InputDetails={Included=b},Output=s,OutputDetails={Included=b},\
    TraceHeader=s,MapRunArn=s1,Error=s,Cause=s,StateMachineVersionArn=s1,StateMachineAliasArn=s1,\
    RedriveCount=n,RedriveDate=s,RedriveStatus=s(REDRIVABLE|NOT_REDRIVABLE|REDRIVABLE_BY_MAP_RUN),\
    RedriveStatusReason=s}
    sfn:describeMapRun {MapRunArn!=s1,ExecutionArn!=s1,Status!=s(RUNNING|SUCCEEDED|FAILED|ABORTED),\
    StartDate!=s,StopDate=s,MaxConcurrency!=n(0,),ToleratedFailurePercentage!=n(0,100),\
    ToleratedFailureCount!=n(0,),ItemCounts!=@MapRunCounts,ExecutionCounts!=@MapRunCounts,\
    RedriveCount=n,RedriveDate=s}
    sfn:describeStateMachine {StateMachineArn!=s1,Name!=s1,Status=s(ACTIVE|DELETING),Definition!=s1,\
    RoleArn!=s1,Type!=s(STANDARD|EXPRESS),CreationDate!=s,\
    LoggingConfiguration=@LoggingConfiguration,TracingConfiguration={Enabled=b},Label=s,\
    RevisionId=s,Description=s,EncryptionConfiguration=@EncryptionConfiguration,\
    VariableReferences=<[s]>}
    sfn:describeStateMachineAlias {StateMachineAliasArn=s1,Name=s1,Description=s,\
    RoutingConfiguration=[{StateMachineVersionArn!=s1,Weight!=n(0,100)}],CreationDate=s,\
    UpdateDate=s}
    sfn:describeStateMachineForExecution {StateMachineArn!=s1,Name!=s1,Definition!=s1,RoleArn!=s1,\
    UpdateDate!=s,LoggingConfiguration=@LoggingConfiguration,TracingConfiguration={Enabled=b},\
    MapRunArn=s1,Label=s,RevisionId=s,EncryptionConfiguration=@EncryptionConfiguration,\
    VariableReferences=<[s]>}
    sfn:getActivityTask {TaskToken=s1,Input=s}
    sfn:getExecutionHistory {Events!=[{Timestamp!=s,Type!=s,Id!=n,PreviousEventId=n,\
    ActivityFailedEventDetails={Error=s,Cause=s},ActivityScheduleFailedEventDetails={Error=s,\
    Cause=s},ActivityScheduledEventDetails={Resource!=s1,Input=s,InputDetails=*,TimeoutInSeconds=n,\
    HeartbeatInSeconds=n},ActivityStartedEventDetails={WorkerName=s},\
    ActivitySucceededEventDetails={Output=s,OutputDetails=*},ActivityTimedOutEventDetails={Error=s,\
    Cause=s},TaskFailedEventDetails={ResourceType!=s1,Resource!=s1,Error=s,Cause=s},\
    TaskScheduledEventDetails={ResourceType!=s1,Resource!=s1,Region!=s1,Parameters!=s,\
    TimeoutInSeconds=n,HeartbeatInSeconds=n,TaskCredentials=*},\
    TaskStartFailedEventDetails={ResourceType!=s1,Resource!=s1,Error=s,Cause=s},\
    TaskStartedEventDetails={ResourceType!=s1,Resource!=s1},\
    TaskSubmitFailedEventDetails={ResourceType!=s1,Resource!=s1,Error=s,Cause=s},\
    TaskSubmittedEventDetails=@TaskOutputDetails,TaskSucceededEventDetails=@TaskOutputDetails,\
    TaskTimedOutEventDetails={ResourceType!=s1,Resource!=s1,Error=s,Cause=s},\
    ExecutionFailedEventDetails={Error=s,Cause=s},ExecutionStartedEventDetails={Input=s,\
    InputDetails=*,RoleArn=s1,StateMachineAliasArn=s1,StateMachineVersionArn=s1},\
    ExecutionSucceededEventDetails={Output=s,OutputDetails=*},ExecutionAbortedEventDetails={Error=s,\
    Cause=s},ExecutionTimedOutEventDetails={Error=s,Cause=s},\
    ExecutionRedrivenEventDetails={RedriveCount=n},MapStateStartedEventDetails={Length=n(0,)},\
    MapIterationStartedEventDetails={Name=s1,Index=n(0,)},\
    MapIterationSucceededEventDetails={Name=s1,Index=n(0,)},MapIterationFailedEventDetails={Name=s1,\
    Index=n(0,)},MapIterationAbortedEventDetails={Name=s1,Index=n(0,)},\
    LambdaFunctionFailedEventDetails={Error=s,Cause=s},\
    LambdaFunctionScheduleFailedEventDetails={Error=s,Cause=s},\
    LambdaFunctionScheduledEventDetails={Resource!=s1,Input=s,InputDetails=*,TimeoutInSeconds=n,\
    TaskCredentials=*},LambdaFunctionStartFailedEventDetails={Error=s,Cause=s},\
    LambdaFunctionSucceededEventDetails={Output=s,OutputDetails=*},\
    LambdaFunctionTimedOutEventDetails={Error=s,Cause=s},StateEnteredEventDetails={Name!=s1,Input=s,\
    InputDetails=*},StateExitedEventDetails={Name!=s1,Output=s,OutputDetails=*,AssignedVariables=*,\
    AssignedVariablesDetails=*},MapRunStartedEventDetails={MapRunArn=s1},\
    MapRunFailedEventDetails={Error=s,Cause=s},MapRunRedrivenEventDetails={MapRunArn=s1,\
    RedriveCount=n},EvaluationFailedEventDetails={Error=s,Cause=s,Location=s,State!=s1}}],\
    NextToken=s1}
    sfn:listActivities {Activities!=[{ActivityArn!=s1,Name!=s1,CreationDate!=s}],NextToken=s1}
    sfn:listExecutions {Executions!=[{ExecutionArn!=s1,StateMachineArn!=s1,Name!=s1,\
    Status!=@ExecutionStatus,StartDate!=s,StopDate=s,MapRunArn=s1,ItemCount=n(0,),\
    StateMachineVersionArn=s1,StateMachineAliasArn=s1,RedriveCount=n,RedriveDate=s}],NextToken=s1}
    sfn:listMapRuns {MapRuns!=[{ExecutionArn!=s1,MapRunArn!=s1,StateMachineArn!=s1,StartDate!=s,\
    StopDate=s}],NextToken=s1}
    sfn:listStateMachineAliases {StateMachineAliases!=[{StateMachineAliasArn!=s1,CreationDate!=s}],\
    NextToken=s1}
    sfn:listStateMachineVersions {StateMachineVersions!=[{StateMachineVersionArn!=s1,\
    CreationDate!=s}],NextToken=s1}
    sfn:listStateMachines {StateMachines!=[{StateMachineArn!=s1,Name!=s1,Type!=s(STANDARD|EXPRESS),\
    CreationDate!=s}],NextToken=s1}
    sfn:listTagsForResource {Tags=[{Key=s1,Value=s}]}
    sfn:publishStateMachineVersion {CreationDate!=s,StateMachineVersionArn!=s1}
    sfn:redriveExecution {RedriveDate!=s}
    sfn:startExecution {ExecutionArn!=s1,StartDate!=s}
    sfn:startSyncExecution {ExecutionArn!=s1,StateMachineArn=s1,Name=s1,StartDate!=s,StopDate!=s,\
    Status!=s(SUCCEEDED|FAILED|TIMED_OUT),Error=s,Cause=s,Input=s,InputDetails={Included=b},\
    Output=s,OutputDetails={Included=b},TraceHeader=s,BillingDetails={BilledMemoryUsedInMB=n(0,),\
    BilledDurationInMilliseconds=n(0,)}}
    sfn:stopExecution {StopDate!=s}
    sfn:testState {Output=s,Error=s,Cause=s,InspectionData={Input=s,AfterArguments=s,\
    AfterInputPath=s,AfterParameters=s,Result=s,AfterResultSelector=s,AfterResultPath=s,\
    Request={Protocol=s,Method=s,Url=s,Headers=s,Body=s},Response={Protocol=s,StatusCode=s,\
    StatusMessage=s,Headers=s,Body=s},Variables=s,ErrorDetails={CatchIndex=n(0,),RetryIndex=n(0,),\
    RetryBackoffIntervalSeconds=n(0,)},AfterItemsPath=s,AfterItemSelector=s,AfterItemBatcher=s,\
    AfterItemsPointer=s,ToleratedFailureCount=n(0,),ToleratedFailurePercentage=n(0,100),\
    MaxConcurrency=n(0,)},NextState=s1,Status=s(SUCCEEDED|FAILED|RETRIABLE|CAUGHT_ERROR)}
    sfn:updateStateMachine {UpdateDate!=s,RevisionId=s,StateMachineVersionArn=s1}
    sfn:updateStateMachineAlias {UpdateDate!=s}
    sfn:validateStateMachineDefinition {Result!=s(OK|FAIL),Diagnostics!=[{Severity!=s(ERROR|\
    WARNING),Code!=s,Message!=s,Location=s}],Truncated=b}
    s3:copyObject {CopyObjectResult={ETag=s,LastModified=s,ChecksumType=s(COMPOSITE|FULL_OBJECT),\
    ChecksumCRC32=s,ChecksumCRC32C=s,ChecksumCRC64NVME=s,ChecksumSHA1=s,ChecksumSHA256=s,\
    ChecksumSHA512=s,ChecksumMD5=s,ChecksumXXHASH64=s,ChecksumXXHASH3=s,ChecksumXXHASH128=s},\
    Expiration=s,CopySourceVersionId=s,VersionId=s,ServerSideEncryption=s(AES256|aws:fsx|aws:kms|\
    aws:kms:dsse),SSECustomerAlgorithm=s,SSECustomerKeyMD5=s,SSEKMSKeyId=s,\
    SSEKMSEncryptionContext=s,BucketKeyEnabled=b,RequestCharged=s(requester)}
    s3:createBucket {Location=s,BucketArn=s1}
    s3:deleteObject {DeleteMarker=b,VersionId=s,RequestCharged=s(requester)}
    s3:getObject {Body=s,DeleteMarker=b,AcceptRanges=s,Expiration=s,Restore=s,LastModified=s,\
    ContentLength=n,ETag=s,ChecksumCRC32=s,ChecksumCRC32C=s,ChecksumCRC64NVME=s,ChecksumSHA1=s,\
    ChecksumSHA256=s,ChecksumSHA512=s,ChecksumMD5=s,ChecksumXXHASH64=s,ChecksumXXHASH3=s,\
    ChecksumXXHASH128=s,ChecksumType=s(COMPOSITE|FULL_OBJECT),MissingMeta=n,VersionId=s,\
    CacheControl=s,ContentDisposition=s,ContentEncoding=s,ContentLanguage=s,ContentRange=s,\
    ContentType=s,Expires=s,WebsiteRedirectLocation=s,ServerSideEncryption=s(AES256|aws:fsx|aws:kms|\
    aws:kms:dsse),Metadata=<s>,SSECustomerAlgorithm=s,SSECustomerKeyMD5=s,SSEKMSKeyId=s,\
    BucketKeyEnabled=b,StorageClass=@StorageClass,RequestCharged=s(requester),\
    ReplicationStatus=s(COMPLETE|PENDING|FAILED|REPLICA|COMPLETED),PartsCount=n,TagCount=n,\
    ObjectLockMode=s(GOVERNANCE|COMPLIANCE),ObjectLockRetainUntilDate=s,\
    ObjectLockLegalHoldStatus=s(ON|OFF)}
    s3:headObject {DeleteMarker=b,AcceptRanges=s,Expiration=s,Restore=s,\
    ArchiveStatus=s(ARCHIVE_ACCESS|DEEP_ARCHIVE_ACCESS),LastModified=s,ContentLength=n,\
    ChecksumCRC32=s,ChecksumCRC32C=s,ChecksumCRC64NVME=s,ChecksumSHA1=s,ChecksumSHA256=s,\
    ChecksumSHA512=s,ChecksumMD5=s,ChecksumXXHASH64=s,ChecksumXXHASH3=s,ChecksumXXHASH128=s,\
    ChecksumType=s(COMPOSITE|FULL_OBJECT),ETag=s,MissingMeta=n,VersionId=s,CacheControl=s,\
    ContentDisposition=s,ContentEncoding=s,ContentLanguage=s,ContentType=s,ContentRange=s,Expires=s,\
    WebsiteRedirectLocation=s,ServerSideEncryption=s(AES256|aws:fsx|aws:kms|aws:kms:dsse),\
    Metadata=<s>,SSECustomerAlgorithm=s,SSECustomerKeyMD5=s,SSEKMSKeyId=s,BucketKeyEnabled=b,\
    StorageClass=@StorageClass,RequestCharged=s(requester),ReplicationStatus=s(COMPLETE|PENDING|\
    FAILED|REPLICA|COMPLETED),PartsCount=n,TagCount=n,ObjectLockMode=s(GOVERNANCE|COMPLIANCE),\
    ObjectLockRetainUntilDate=s,ObjectLockLegalHoldStatus=s(ON|OFF)}
    s3:listBuckets {Buckets=[{Name=s,CreationDate=s,BucketRegion=s,BucketArn=s1}],\
    Owner={DisplayName=s,ID=s},ContinuationToken=s,Prefix=s}
    s3:listObjectsV2 {IsTruncated=b,Contents=[{Key=s1,LastModified=s,ETag=s,\
    ChecksumAlgorithm=[s(CRC32|CRC32C|SHA1|SHA256|CRC64NVME|SHA512|MD5|XXHASH64|XXHASH3|XXHASH128)],\
    ChecksumType=s(COMPOSITE|FULL_OBJECT),Size=n,StorageClass=s(STANDARD|REDUCED_REDUNDANCY|GLACIER|\
    STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|\
    EXPRESS_ONEZONE|FSX_OPENZFS|FSX_ONTAP),Owner={DisplayName=s,ID=s},\
    RestoreStatus={IsRestoreInProgress=b,RestoreExpiryDate=s}}],Name=s,Prefix=s,Delimiter=s,\
    MaxKeys=n,CommonPrefixes=[{Prefix=s}],EncodingType=s(url),KeyCount=n,ContinuationToken=s,\
    NextContinuationToken=s,StartAfter=s,RequestCharged=s(requester)}
    s3:putObject {Expiration=s,ETag=s,ChecksumCRC32=s,ChecksumCRC32C=s,ChecksumCRC64NVME=s,\
    ChecksumSHA1=s,ChecksumSHA256=s,ChecksumSHA512=s,ChecksumMD5=s,ChecksumXXHASH64=s,\
    ChecksumXXHASH3=s,ChecksumXXHASH128=s,ChecksumType=s(COMPOSITE|FULL_OBJECT),\
    ServerSideEncryption=s(AES256|aws:fsx|aws:kms|aws:kms:dsse),VersionId=s,SSECustomerAlgorithm=s,\
    SSECustomerKeyMD5=s,SSEKMSKeyId=s,SSEKMSEncryptionContext=s,BucketKeyEnabled=b,Size=n,\
    RequestCharged=s(requester)}
    kms:decrypt {KeyId=s1,Plaintext=s1,EncryptionAlgorithm=@EncryptionAlgorithm,\
    CiphertextForRecipient=s1,KeyMaterialId=s}
    kms:describeKey {KeyMetadata={AWSAccountId=s,KeyId!=s1,Arn=s,CreationDate=s,Enabled=b,\
    Description=s,KeyUsage=s(SIGN_VERIFY|ENCRYPT_DECRYPT|GENERATE_VERIFY_MAC|KEY_AGREEMENT),\
    KeyState=s(Creating|Enabled|Disabled|PendingDeletion|PendingImport|PendingReplicaDeletion|\
    Unavailable|Updating),DeletionDate=s,ValidTo=s,Origin=s(AWS_KMS|EXTERNAL|AWS_CLOUDHSM|\
    EXTERNAL_KEY_STORE),CustomKeyStoreId=s1,CloudHsmClusterId=s,\
    ExpirationModel=s(KEY_MATERIAL_EXPIRES|KEY_MATERIAL_DOES_NOT_EXPIRE),KeyManager=s(AWS|CUSTOMER),\
    CustomerMasterKeySpec=s(RSA_2048|RSA_3072|RSA_4096|ECC_NIST_P256|ECC_NIST_P384|ECC_NIST_P521|\
    ECC_SECG_P256K1|SYMMETRIC_DEFAULT|HMAC_224|HMAC_256|HMAC_384|HMAC_512|SM2),KeySpec=s(RSA_2048|\
    RSA_3072|RSA_4096|ECC_NIST_P256|ECC_NIST_P384|ECC_NIST_P521|ECC_SECG_P256K1|SYMMETRIC_DEFAULT|\
    HMAC_224|HMAC_256|HMAC_384|HMAC_512|SM2|ML_DSA_44|ML_DSA_65|ML_DSA_87|ECC_NIST_EDWARDS25519),\
    EncryptionAlgorithms=[@EncryptionAlgorithm],SigningAlgorithms=[@SigningAlgorithm],\
    KeyAgreementAlgorithms=[s(ECDH)],MultiRegion=b,\
    MultiRegionConfiguration={MultiRegionKeyType=s(PRIMARY|REPLICA),PrimaryKey={Arn=s,Region=s1},\
    ReplicaKeys=[*]},PendingDeletionWindowInDays=n(1,365),MacAlgorithms=[s(HMAC_SHA_224|\
    HMAC_SHA_256|HMAC_SHA_384|HMAC_SHA_512)],XksKeyConfiguration={Id=s1},CurrentKeyMaterialId=s}}
    kms:encrypt {CiphertextBlob=s1,KeyId=s1,EncryptionAlgorithm=@EncryptionAlgorithm}
    kms:generateDataKey {CiphertextBlob=s1,Plaintext=s1,KeyId=s1,CiphertextForRecipient=s1,\
    KeyMaterialId=s}
    kms:sign {KeyId=s1,Signature=s1,SigningAlgorithm=@SigningAlgorithm}
    kms:verify {KeyId=s1,SignatureValid=b,SigningAlgorithm=@SigningAlgorithm}
    secretsmanager:createSecret {ARN=s,Name=s1,VersionId=s,ReplicationStatus=[@SecretReplica]}
    secretsmanager:deleteSecret {ARN=s,Name=s1,DeletionDate=s}
    secretsmanager:describeSecret {ARN=s,Name=s1,Type=s,Description=s,KmsKeyId=s,RotationEnabled=b,\
    RotationLambdaARN=s,RotationRules={AutomaticallyAfterDays=n(1,1000),Duration=s2,\
    ScheduleExpression=s1},ExternalSecretRotationMetadata=[{Key=s1,Value=s1}],\
    ExternalSecretRotationRoleArn=s,LastRotatedDate=s,LastChangedDate=s,LastAccessedDate=s,\
    DeletedDate=s,NextRotationDate=s,Tags=[{Key=s1,Value=s}],VersionIdsToStages=<[s1]>,\
    OwningService=s1,CreatedDate=s,PrimaryRegion=s1,ReplicationStatus=[@SecretReplica]}
    secretsmanager:getSecretValue {ARN=s,Name=s1,VersionId=s,SecretBinary=s1,SecretString=s1,\
    VersionStages=[s1],CreatedDate=s}
    secretsmanager:putSecretValue {ARN=s,Name=s1,VersionId=s,VersionStages=[s1]}
    ssm:getParameter {Parameter=@Parameter}
    ssm:getParameters {Parameters=[@Parameter],InvalidParameters=[s1]}
    ssm:putParameter {Version=n,Tier=s(Standard|Advanced|Intelligent-Tiering)}
    ssm:sendCommand {Command={CommandId=s,DocumentName=s,DocumentVersion=s,Comment=s,ExpiresAfter=s,\
    Parameters=<[s]>,InstanceIds=[s],Targets=[{Key=s1,Values=*}],RequestedDateTime=s,\
    Status=s(Pending|InProgress|Success|Cancelled|Failed|TimedOut|Cancelling),StatusDetails=s,\
    OutputS3Region=s3,OutputS3BucketName=s3,OutputS3KeyPrefix=s,MaxConcurrency=s1,MaxErrors=s1,\
    TargetCount=n,CompletedCount=n,ErrorCount=n,DeliveryTimedOutCount=n,ServiceRole=s,\
    NotificationConfig={NotificationArn=s,NotificationEvents=[s(All|InProgress|Success|TimedOut|\
    Cancelled|Failed)],NotificationType=s(Command|Invocation)},\
    CloudWatchOutputConfig={CloudWatchLogGroupName=s1,CloudWatchOutputEnabled=b},\
    TimeoutSeconds=n(30,2592000),AlarmConfiguration={IgnorePollAlarmFailure=b,Alarms!=[*]},\
    TriggeredAlarms=[{Name!=s1,State!=s(UNKNOWN|ALARM)}]}}
    ecs:describeTasks @ContainerTasks
    ecs:runTask @ContainerTasks
    ecs:stopTask {Task=@ContainerTask}
    batch:describeJobs {Jobs=[{JobArn=s,JobName!=s,JobId!=s,JobQueue!=s,Status!=s(SUBMITTED|PENDING|\
    RUNNABLE|STARTING|RUNNING|SUCCEEDED|FAILED),ShareIdentifier=s,SchedulingPriority=n,Attempts=[*],\
    StatusReason=s,CreatedAt=n,RetryStrategy={Attempts=n,EvaluateOnExit=*},StartedAt!=n,StoppedAt=n,\
    DependsOn=[*],JobDefinition!=s,Parameters=<s>,Container={Image=s,Vcpus=n,Memory=n,Command=*,\
    JobRoleArn=s,ExecutionRoleArn=s,Volumes=*,Environment=*,MountPoints=*,ReadonlyRootFilesystem=b,\
    Ulimits=*,Privileged=b,User=s,ExitCode=n,Reason=s,ContainerInstanceArn=s,TaskArn=s,\
    LogStreamName=s,InstanceType=s,NetworkInterfaces=*,ResourceRequirements=*,LinuxParameters=*,\
    LogConfiguration=*,Secrets=*,NetworkConfiguration=*,FargatePlatformConfiguration=*,\
    EphemeralStorage=*,RuntimePlatform=*,RepositoryCredentials=*,EnableExecuteCommand=b},\
    NodeDetails={NodeIndex=n,IsMainNode=b},NodeProperties={NumNodes!=n,MainNode!=n,\
    NodeRangeProperties!=*},ArrayProperties={StatusSummary=*,StatusSummaryLastUpdatedAt=n,Size=n,\
    Index=n},Timeout={AttemptDurationSeconds=n},Tags=<s>,PropagateTags=b,\
    PlatformCapabilities=[s(EC2|FARGATE)],EksProperties={PodProperties=*},EksAttempts=[*],\
    EcsProperties={TaskProperties=*},IsCancelled=b,IsTerminated=b,\
    ConsumableResourceProperties={ConsumableResourceList=*}}]}
    batch:submitJob {JobArn=s,JobName!=s,JobId!=s}
    glue:getJobRun {JobRun={Id=s1,Attempt=n,PreviousRunId=s1,TriggerName=s1,JobName=s1,\
    JobMode=s(SCRIPT|VISUAL|NOTEBOOK),JobRunQueuingEnabled=b,StartedOn=s,LastModifiedOn=s,\
    CompletedOn=s,JobRunState=s(STARTING|RUNNING|STOPPING|STOPPED|SUCCEEDED|FAILED|TIMEOUT|ERROR|\
    WAITING|EXPIRED),Arguments=<s>,ErrorMessage=s,PredecessorRuns=[{JobName=s1,RunId=s1}],\
    AllocatedCapacity=n,ExecutionTime=n,Timeout=n(1,),MaxCapacity=n,WorkerType=s(Standard|G.1X|G.2X|\
    G.025X|G.4X|G.8X|Z.2X),NumberOfWorkers=n,SecurityConfiguration=s1,LogGroupName=s,\
    NotificationProperty={NotifyDelayAfter=n(1,)},GlueVersion=s1,DPUSeconds=n,ExecutionClass=s(FLEX|\
    STANDARD),MaintenanceWindow=s,ProfileName=s1,StateDetail=s,ExecutionRoleSessionPolicy=s2}}
    glue:startJobRun {JobRunId=s1}
    athena:getQueryExecution {QueryExecution={QueryExecutionId=s1,Query=s1,StatementType=s(DDL|DML|\
    UTILITY),ManagedQueryResultsConfiguration={Enabled!=b,EncryptionConfiguration={KmsKey!=s1}},\
    ResultConfiguration={OutputLocation=s,EncryptionConfiguration={EncryptionOption!=s(SSE_S3|\
    SSE_KMS|CSE_KMS),KmsKey=s},ExpectedBucketOwner=s,\
    AclConfiguration={S3AclOption!=s(BUCKET_OWNER_FULL_CONTROL)}},\
    ResultReuseConfiguration={ResultReuseByAgeConfiguration={Enabled!=b,MaxAgeInMinutes=n(0,\
    10080)}},QueryExecutionContext={Database=s1,Catalog=s1},Status={State=s(QUEUED|RUNNING|\
    SUCCEEDED|FAILED|CANCELLED),StateChangeReason=s,SubmissionDateTime=s,CompletionDateTime=s,\
    AthenaError={ErrorCategory=n(1,3),ErrorType=n(0,9999),Retryable=b,ErrorMessage=s}},\
    Statistics={EngineExecutionTimeInMillis=n,DataScannedInBytes=n,DataManifestLocation=s,\
    TotalExecutionTimeInMillis=n,QueryQueueTimeInMillis=n,ServicePreProcessingTimeInMillis=n,\
    QueryPlanningTimeInMillis=n,ServiceProcessingTimeInMillis=n,\
    ResultReuseInformation={ReusedPreviousResult!=b},DpuCount=n},WorkGroup=s,\
    EngineVersion={SelectedEngineVersion=s1,EffectiveEngineVersion=s1},ExecutionParameters=[s1],\
    SubstatementType=s,QueryResultsS3AccessGrantsConfiguration={EnableS3AccessGrants!=b,\
    CreateUserLevelPrefix=b,AuthenticationType!=s(DIRECTORY_IDENTITY)}}}
    athena:getQueryResults {UpdateCount=n,ResultSet={Rows=[{Data=*}],\
    ResultSetMetadata={ColumnInfo=[*]}},NextToken=s1}
    athena:startQueryExecution {QueryExecutionId=s1}
    sts:getCallerIdentity {UserId=s,Account=s,Arn=s}
    bedrockruntime:invokeModel {Body!=s,ContentType!=s,PerformanceConfigLatency=s(standard|\
    optimized),ServiceTier=s(priority|default|flex|reserved)}
    ses:sendEmail {MessageId!=s}
    sesv2:sendEmail {MessageId=s}
    ec2:describeInstances {NextToken=s,Reservations=[{ReservationId=s,OwnerId=s,RequesterId=s,\
    Groups=[*],Instances=[*]}]}
    ec2:startInstances {StartingInstances=[@InstanceStateChange]}
    ec2:stopInstances {StoppingInstances=[@InstanceStateChange]}
    codebuild:startBuild {Build={Id=s1,Arn=s1,BuildNumber=n,StartTime=s,EndTime=s,CurrentPhase=s,\
    BuildStatus=s(SUCCEEDED|FAILED|FAULT|TIMED_OUT|IN_PROGRESS|STOPPED),SourceVersion=s1,\
    ResolvedSourceVersion=s1,ProjectName=s1,Phases=[{PhaseType=s(SUBMITTED|QUEUED|PROVISIONING|\
    DOWNLOAD_SOURCE|INSTALL|PRE_BUILD|BUILD|POST_BUILD|UPLOAD_ARTIFACTS|FINALIZING|COMPLETED),\
    PhaseStatus=s(SUCCEEDED|FAILED|FAULT|TIMED_OUT|IN_PROGRESS|STOPPED),StartTime=s,EndTime=s,\
    DurationInSeconds=n,Contexts=*}],Source=@BuildSource,SecondarySources=[@BuildSource],\
    SecondarySourceVersions=[{SourceIdentifier!=s,SourceVersion!=s}],Artifacts=@BuildArtifacts,\
    SecondaryArtifacts=[@BuildArtifacts],Cache={Type!=s(NO_CACHE|S3|LOCAL),Location=s,\
    Modes=[s(LOCAL_DOCKER_LAYER_CACHE|LOCAL_SOURCE_CACHE|LOCAL_CUSTOM_CACHE)],CacheNamespace=s},\
    Environment={Type!=s(WINDOWS_CONTAINER|LINUX_CONTAINER|LINUX_GPU_CONTAINER|ARM_CONTAINER|\
    WINDOWS_SERVER_2019_CONTAINER|WINDOWS_SERVER_2022_CONTAINER|LINUX_LAMBDA_CONTAINER|\
    ARM_LAMBDA_CONTAINER|LINUX_EC2|ARM_EC2|WINDOWS_EC2|MAC_ARM),Image!=s1,ComputeType!=@ComputeType,\
    ComputeConfiguration={VCpu=n,Memory=n,Disk=n,MachineType=s(GENERAL|NVME),InstanceType=s1},\
    Fleet={FleetArn=s},EnvironmentVariables=[*],PrivilegedMode=b,Certificate=s,\
    RegistryCredential={Credential!=s1,CredentialProvider!=s(SECRETS_MANAGER)},\
    ImagePullCredentialsType=s(CODEBUILD|SERVICE_ROLE),DockerServer={ComputeType!=@ComputeType,\
    SecurityGroupIds=*,Status=*}},ServiceRole=s1,Logs={GroupName=s,StreamName=s,DeepLink=s,\
    S3DeepLink=s,CloudWatchLogsArn=s,S3LogsArn=s,CloudWatchLogs={Status!=s(ENABLED|DISABLED),\
    GroupName=s,StreamName=s},S3Logs={Status!=s(ENABLED|DISABLED),Location=s,EncryptionDisabled=b,\
    BucketOwnerAccess=s(NONE|READ_ONLY|FULL)}},TimeoutInMinutes=n,QueuedTimeoutInMinutes=n,\
    BuildComplete=b,Initiator=s,VpcConfig={VpcId=s1,Subnets=[s1],SecurityGroupIds=[s1]},\
    NetworkInterface={SubnetId=s1,NetworkInterfaceId=s1},EncryptionKey=s1,\
    ExportedEnvironmentVariables=[{Name=s1,Value=s}],ReportArns=[s],\
    FileSystemLocations=[{Type=s(EFS),Location=s,MountPoint=s,Identifier=s,MountOptions=s}],\
    DebugSession={SessionEnabled=b,SessionTarget=s1},BuildBatchArn=s,\
    AutoRetryConfig={AutoRetryLimit=n,AutoRetryNumber=n,NextAutoRetry=s,PreviousAutoRetry=s}}}
    translate:translateText {TranslatedText!=s,SourceLanguageCode!=s2,TargetLanguageCode!=s2,\
    AppliedTerminologies=[{Name=s1,Terms=[*]}],AppliedSettings={Formality=s(FORMAL|INFORMAL),\
    Profanity=s(MASK),Brevity=s(ON)}}
    textract:startDocumentTextDetection {JobId=s1}
    rekognition:detectLabels {Labels=[{Name=s,Confidence=n(0,100),Instances=[*],Parents=[*],\
    Aliases=[*],Categories=[*]}],OrientationCorrection=s(ROTATE_0|ROTATE_90|ROTATE_180|ROTATE_270),\
    LabelModelVersion=s,ImageProperties={Quality={Brightness=n,Sharpness=n,Contrast=n},\
    DominantColors=[{Red=n(0,),Blue=n(0,),Green=n(0,),HexCode=s,CSSColor=s,SimplifiedColor=s,\
    PixelPercent=n(0,100)}],Foreground=@ImagePart,Background=@ImagePart}}
    comprehend:detectSentiment {Sentiment=s(POSITIVE|NEGATIVE|NEUTRAL|MIXED),\
    SentimentScore={Positive=n,Negative=n,Neutral=n,Mixed=n}}
    polly:startSpeechSynthesisTask {SynthesisTask={Engine=s(standard|neural|long-form|generative),\
    TaskId=s,TaskStatus=s(scheduled|inProgress|completed|failed),TaskStatusReason=s,OutputUri=s,\
    CreationTime=s,RequestCharacters=n,SnsTopicArn=s,LexiconNames=[s],OutputFormat=s(json|mp3|\
    ogg_opus|ogg_vorbis|pcm|mulaw|alaw),SampleRate=s,SpeechMarkTypes=[s(sentence|ssml|viseme|word)],\
    TextType=s(ssml|text),VoiceId=s,LanguageCode=s}}
    kinesis:putRecord {ShardId!=s1,SequenceNumber!=s,EncryptionType=s(NONE|KMS)}
    kinesis:putRecords {FailedRecordCount=n(1,),Records!=[{SequenceNumber=s,ShardId=s1,ErrorCode=s,\
    ErrorMessage=s}],EncryptionType=s(NONE|KMS)}
    firehose:putRecord {RecordId!=s1,Encrypted=b}
    """
}
