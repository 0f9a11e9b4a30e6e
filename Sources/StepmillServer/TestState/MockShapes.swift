// What services answer, as far as mocked results are held against it: facts of their public API
// models, in the notation of `MockShape`. Nesting is cut off where it goes deep.

enum MockShapes {
  /// What a task's service answers; nil where it is not known. A job that is waited for answers
  /// what its service says about the job.
  static func response(of resource: TaskResourceName) -> MockShape? {
    var service = resource.service
    if service.hasPrefix("aws-sdk:") { service = String(service.dropFirst(8)) }
    service = aliases[service] ?? service
    var action = resource.action
    if resource.pattern == .sync || resource.pattern == .sync2 {
      guard let polled = polled["\(service):\(action)"] else { return nil }
      action = polled
    }
    return table["\(service):\(action)"].map { MockShape(String($0)) }
  }

  private static let aliases = ["states": "sfn", "events": "eventbridge", "bedrock": "bedrockruntime"]

  /// The calls that tell how a job goes.
  private static let polled = ["sfn:startExecution": "describeExecution"]

  /// One line for each call: its name, a blank, the shape.
  private static let table: [Substring: Substring] = Dictionary(
    uniqueKeysWithValues: rows.split(separator: "\n").map { row in
      let blank = row.firstIndex(of: " ") ?? row.endIndex
      return (row[..<blank], row[blank...].dropFirst())
    })

  private static let rows = """
    lambda:createFunction {FunctionName=s1,FunctionArn=s,Runtime=s,Role=s,Handler=s,CodeSize=n\
    ,Description=s,Timeout=n(1,),MemorySize=n(128,10240),LastModified=s,CodeSha256=s,Version=s\
    1,VpcConfig={SubnetIds=[s],SecurityGroupIds=[s],VpcId=s,Ipv6AllowedForDualStack=b},DeadLet\
    terConfig={TargetArn=s},Environment={Variables=<s>,Error={ErrorCode=s,Message=s}},KMSKeyAr\
    n=s,TracingConfig={Mode=s(Active|PassThrough)},MasterArn=s,RevisionId=s,Layers=[{Arn=s1,Co\
    deSize=n,SigningProfileVersionArn=s,SigningJobArn=s}],State=s(Pending|Active|Inactive|Fail\
    ed|Deactivating|Deactivated|ActiveNonInvocable|Deleting),StateReason=s,StateReasonCode=s(I\
    dle|Creating|Restoring|EniLimitExceeded|InsufficientRolePermissions|InvalidConfiguration|I\
    nternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|ImageA\
    ccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|DisabledKMSK\
    ey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime|Inv\
    alidZipFileException|FunctionError|DrainingDurableExecutions|VcpuLimitExceeded|CapacityPro\
    viderScalingLimitExceeded|InsufficientCapacity|EC2RequestLimitExceeded|FunctionError.InitT\
    imeout|FunctionError.RuntimeInitError|FunctionError.ExtensionInitError|FunctionError.Inval\
    idEntryPoint|FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDenied|Function\
    Error.TooManyExtensions|FunctionError.InitResourceExhausted|DisallowedByVpcEncryptionContr\
    ol),LastUpdateStatus=s(Successful|Failed|InProgress),LastUpdateStatusReason=s,LastUpdateSt\
    atusReasonCode=s(EniLimitExceeded|InsufficientRolePermissions|InvalidConfiguration|Interna\
    lError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|ImageAccessD\
    enied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|DisabledKMSKey|EFS\
    IOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime|InvalidZi\
    pFileException|FunctionError|VcpuLimitExceeded|CapacityProviderScalingLimitExceeded|Insuff\
    icientCapacity|EC2RequestLimitExceeded|FunctionError.InitTimeout|FunctionError.RuntimeInit\
    Error|FunctionError.ExtensionInitError|FunctionError.InvalidEntryPoint|FunctionError.Inval\
    idWorkingDirectory|FunctionError.PermissionDenied|FunctionError.TooManyExtensions|Function\
    Error.InitResourceExhausted|DisallowedByVpcEncryptionControl),FileSystemConfigs=[{Arn!=s,L\
    ocalMountPath!=s}],PackageType=s(Zip|Image),ImageConfigResponse={ImageConfig={EntryPoint=[\
    s],Command=[s],WorkingDirectory=s},Error={ErrorCode=s,Message=s}},SigningProfileVersionArn\
    =s,SigningJobArn=s,Architectures=[s(x86_64|arm64)],EphemeralStorage={Size!=n(512,10240)},S\
    napStart={ApplyOn=s(PublishedVersions|None),OptimizationStatus=s(On|Off)},RuntimeVersionCo\
    nfig={RuntimeVersionArn=s,Error={ErrorCode=s,Message=s}},LoggingConfig={LogFormat=s(JSON|T\
    ext),ApplicationLogLevel=s(TRACE|DEBUG|INFO|WARN|ERROR|FATAL),SystemLogLevel=s(DEBUG|INFO|\
    WARN),LogGroup=s1},CapacityProviderConfig={LambdaManagedInstancesCapacityProviderConfig!={\
    CapacityProviderArn!=s1,PerExecutionEnvironmentMaxConcurrency=n(1,1600),ExecutionEnvironme\
    ntMemoryGiBPerVCpu=n(2.0,8.0)}},ConfigSha256=s,DurableConfig={RetentionPeriodInDays=n(1,90\
    ),ExecutionTimeout=n(1,31622400)},TenancyConfig={TenantIsolationMode!=s(PER_TENANT)}}
    lambda:getFunction {Configuration={FunctionName=s1,FunctionArn=s,Runtime=s,Role=s,Handler=\
    s,CodeSize=n,Description=s,Timeout=n(1,),MemorySize=n(128,10240),LastModified=s,CodeSha256\
    =s,Version=s1,VpcConfig={SubnetIds=[s],SecurityGroupIds=[s],VpcId=s,Ipv6AllowedForDualStac\
    k=b},DeadLetterConfig={TargetArn=s},Environment={Variables=<s>,Error={ErrorCode=s,Message=\
    s}},KMSKeyArn=s,TracingConfig={Mode=s(Active|PassThrough)},MasterArn=s,RevisionId=s,Layers\
    =[{Arn=s1,CodeSize=n,SigningProfileVersionArn=s,SigningJobArn=s}],State=s(Pending|Active|I\
    nactive|Failed|Deactivating|Deactivated|ActiveNonInvocable|Deleting),StateReason=s,StateRe\
    asonCode=s(Idle|Creating|Restoring|EniLimitExceeded|InsufficientRolePermissions|InvalidCon\
    figuration|InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDe\
    leted|ImageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|\
    DisabledKMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|Invali\
    dRuntime|InvalidZipFileException|FunctionError|DrainingDurableExecutions|VcpuLimitExceeded\
    |CapacityProviderScalingLimitExceeded|InsufficientCapacity|EC2RequestLimitExceeded|Functio\
    nError.InitTimeout|FunctionError.RuntimeInitError|FunctionError.ExtensionInitError|Functio\
    nError.InvalidEntryPoint|FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDen\
    ied|FunctionError.TooManyExtensions|FunctionError.InitResourceExhausted|DisallowedByVpcEnc\
    ryptionControl),LastUpdateStatus=s(Successful|Failed|InProgress),LastUpdateStatusReason=s,\
    LastUpdateStatusReasonCode=s(EniLimitExceeded|InsufficientRolePermissions|InvalidConfigura\
    tion|InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|\
    ImageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|Disabl\
    edKMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRunti\
    me|InvalidZipFileException|FunctionError|VcpuLimitExceeded|CapacityProviderScalingLimitExc\
    eeded|InsufficientCapacity|EC2RequestLimitExceeded|FunctionError.InitTimeout|FunctionError\
    .RuntimeInitError|FunctionError.ExtensionInitError|FunctionError.InvalidEntryPoint|Functio\
    nError.InvalidWorkingDirectory|FunctionError.PermissionDenied|FunctionError.TooManyExtensi\
    ons|FunctionError.InitResourceExhausted|DisallowedByVpcEncryptionControl),FileSystemConfig\
    s=[{Arn!=s,LocalMountPath!=s}],PackageType=s(Zip|Image),ImageConfigResponse={ImageConfig={\
    EntryPoint=*,Command=*,WorkingDirectory=s},Error={ErrorCode=s,Message=s}},SigningProfileVe\
    rsionArn=s,SigningJobArn=s,Architectures=[s(x86_64|arm64)],EphemeralStorage={Size!=n(512,1\
    0240)},SnapStart={ApplyOn=s(PublishedVersions|None),OptimizationStatus=s(On|Off)},RuntimeV\
    ersionConfig={RuntimeVersionArn=s,Error={ErrorCode=s,Message=s}},LoggingConfig={LogFormat=\
    s(JSON|Text),ApplicationLogLevel=s(TRACE|DEBUG|INFO|WARN|ERROR|FATAL),SystemLogLevel=s(DEB\
    UG|INFO|WARN),LogGroup=s1},CapacityProviderConfig={LambdaManagedInstancesCapacityProviderC\
    onfig!={CapacityProviderArn!=s1,PerExecutionEnvironmentMaxConcurrency=n(1,1600),ExecutionE\
    nvironmentMemoryGiBPerVCpu=n(2.0,8.0)}},ConfigSha256=s,DurableConfig={RetentionPeriodInDay\
    s=n(1,90),ExecutionTimeout=n(1,31622400)},TenancyConfig={TenantIsolationMode!=s(PER_TENANT\
    )}},Code={RepositoryType=s,Location=s,ImageUri=s,ResolvedImageUri=s,SourceKMSKeyArn=s},Tag\
    s=<s>,TagsError={ErrorCode!=s,Message!=s},Concurrency={ReservedConcurrentExecutions=n(0,)}\
    }
    lambda:getFunctionConfiguration {FunctionName=s1,FunctionArn=s,Runtime=s,Role=s,Handler=s,\
    CodeSize=n,Description=s,Timeout=n(1,),MemorySize=n(128,10240),LastModified=s,CodeSha256=s\
    ,Version=s1,VpcConfig={SubnetIds=[s],SecurityGroupIds=[s],VpcId=s,Ipv6AllowedForDualStack=\
    b},DeadLetterConfig={TargetArn=s},Environment={Variables=<s>,Error={ErrorCode=s,Message=s}\
    },KMSKeyArn=s,TracingConfig={Mode=s(Active|PassThrough)},MasterArn=s,RevisionId=s,Layers=[\
    {Arn=s1,CodeSize=n,SigningProfileVersionArn=s,SigningJobArn=s}],State=s(Pending|Active|Ina\
    ctive|Failed|Deactivating|Deactivated|ActiveNonInvocable|Deleting),StateReason=s,StateReas\
    onCode=s(Idle|Creating|Restoring|EniLimitExceeded|InsufficientRolePermissions|InvalidConfi\
    guration|InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDele\
    ted|ImageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|Di\
    sabledKMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidR\
    untime|InvalidZipFileException|FunctionError|DrainingDurableExecutions|VcpuLimitExceeded|C\
    apacityProviderScalingLimitExceeded|InsufficientCapacity|EC2RequestLimitExceeded|FunctionE\
    rror.InitTimeout|FunctionError.RuntimeInitError|FunctionError.ExtensionInitError|FunctionE\
    rror.InvalidEntryPoint|FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDenie\
    d|FunctionError.TooManyExtensions|FunctionError.InitResourceExhausted|DisallowedByVpcEncry\
    ptionControl),LastUpdateStatus=s(Successful|Failed|InProgress),LastUpdateStatusReason=s,La\
    stUpdateStatusReasonCode=s(EniLimitExceeded|InsufficientRolePermissions|InvalidConfigurati\
    on|InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|Im\
    ageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|Disabled\
    KMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime\
    |InvalidZipFileException|FunctionError|VcpuLimitExceeded|CapacityProviderScalingLimitExcee\
    ded|InsufficientCapacity|EC2RequestLimitExceeded|FunctionError.InitTimeout|FunctionError.R\
    untimeInitError|FunctionError.ExtensionInitError|FunctionError.InvalidEntryPoint|FunctionE\
    rror.InvalidWorkingDirectory|FunctionError.PermissionDenied|FunctionError.TooManyExtension\
    s|FunctionError.InitResourceExhausted|DisallowedByVpcEncryptionControl),FileSystemConfigs=\
    [{Arn!=s,LocalMountPath!=s}],PackageType=s(Zip|Image),ImageConfigResponse={ImageConfig={En\
    tryPoint=[s],Command=[s],WorkingDirectory=s},Error={ErrorCode=s,Message=s}},SigningProfile\
    VersionArn=s,SigningJobArn=s,Architectures=[s(x86_64|arm64)],EphemeralStorage={Size!=n(512\
    ,10240)},SnapStart={ApplyOn=s(PublishedVersions|None),OptimizationStatus=s(On|Off)},Runtim\
    eVersionConfig={RuntimeVersionArn=s,Error={ErrorCode=s,Message=s}},LoggingConfig={LogForma\
    t=s(JSON|Text),ApplicationLogLevel=s(TRACE|DEBUG|INFO|WARN|ERROR|FATAL),SystemLogLevel=s(D\
    EBUG|INFO|WARN),LogGroup=s1},CapacityProviderConfig={LambdaManagedInstancesCapacityProvide\
    rConfig!={CapacityProviderArn!=s1,PerExecutionEnvironmentMaxConcurrency=n(1,1600),Executio\
    nEnvironmentMemoryGiBPerVCpu=n(2.0,8.0)}},ConfigSha256=s,DurableConfig={RetentionPeriodInD\
    ays=n(1,90),ExecutionTimeout=n(1,31622400)},TenancyConfig={TenantIsolationMode!=s(PER_TENA\
    NT)}}
    lambda:invoke {StatusCode=n,FunctionError=s,LogResult=s,Payload=s,ExecutedVersion=s1,Durab\
    leExecutionArn=s1}
    lambda:listFunctions {NextMarker=s,Functions=[{FunctionName=s1,FunctionArn=s,Runtime=s,Rol\
    e=s,Handler=s,CodeSize=n,Description=s,Timeout=n(1,),MemorySize=n(128,10240),LastModified=\
    s,CodeSha256=s,Version=s1,VpcConfig={SubnetIds=*,SecurityGroupIds=*,VpcId=s,Ipv6AllowedFor\
    DualStack=b},DeadLetterConfig={TargetArn=s},Environment={Variables=*,Error=*},KMSKeyArn=s,\
    TracingConfig={Mode=s(Active|PassThrough)},MasterArn=s,RevisionId=s,Layers=[*],State=s(Pen\
    ding|Active|Inactive|Failed|Deactivating|Deactivated|ActiveNonInvocable|Deleting),StateRea\
    son=s,StateReasonCode=s(Idle|Creating|Restoring|EniLimitExceeded|InsufficientRolePermissio\
    ns|InvalidConfiguration|InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurity\
    Group|ImageDeleted|ImageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|Invali\
    dStateKMSKey|DisabledKMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountT\
    imeout|InvalidRuntime|InvalidZipFileException|FunctionError|DrainingDurableExecutions|Vcpu\
    LimitExceeded|CapacityProviderScalingLimitExceeded|InsufficientCapacity|EC2RequestLimitExc\
    eeded|FunctionError.InitTimeout|FunctionError.RuntimeInitError|FunctionError.ExtensionInit\
    Error|FunctionError.InvalidEntryPoint|FunctionError.InvalidWorkingDirectory|FunctionError.\
    PermissionDenied|FunctionError.TooManyExtensions|FunctionError.InitResourceExhausted|Disal\
    lowedByVpcEncryptionControl),LastUpdateStatus=s(Successful|Failed|InProgress),LastUpdateSt\
    atusReason=s,LastUpdateStatusReasonCode=s(EniLimitExceeded|InsufficientRolePermissions|Inv\
    alidConfiguration|InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|\
    ImageDeleted|ImageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidState\
    KMSKey|DisabledKMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout\
    |InvalidRuntime|InvalidZipFileException|FunctionError|VcpuLimitExceeded|CapacityProviderSc\
    alingLimitExceeded|InsufficientCapacity|EC2RequestLimitExceeded|FunctionError.InitTimeout|\
    FunctionError.RuntimeInitError|FunctionError.ExtensionInitError|FunctionError.InvalidEntry\
    Point|FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDenied|FunctionError.T\
    ooManyExtensions|FunctionError.InitResourceExhausted|DisallowedByVpcEncryptionControl),Fil\
    eSystemConfigs=[*],PackageType=s(Zip|Image),ImageConfigResponse={ImageConfig=*,Error=*},Si\
    gningProfileVersionArn=s,SigningJobArn=s,Architectures=[s(x86_64|arm64)],EphemeralStorage=\
    {Size!=n(512,10240)},SnapStart={ApplyOn=s(PublishedVersions|None),OptimizationStatus=s(On|\
    Off)},RuntimeVersionConfig={RuntimeVersionArn=s,Error=*},LoggingConfig={LogFormat=s(JSON|T\
    ext),ApplicationLogLevel=s(TRACE|DEBUG|INFO|WARN|ERROR|FATAL),SystemLogLevel=s(DEBUG|INFO|\
    WARN),LogGroup=s1},CapacityProviderConfig={LambdaManagedInstancesCapacityProviderConfig!=*\
    },ConfigSha256=s,DurableConfig={RetentionPeriodInDays=n(1,90),ExecutionTimeout=n(1,3162240\
    0)},TenancyConfig={TenantIsolationMode!=s(PER_TENANT)}}]}
    lambda:publishVersion {FunctionName=s1,FunctionArn=s,Runtime=s,Role=s,Handler=s,CodeSize=n\
    ,Description=s,Timeout=n(1,),MemorySize=n(128,10240),LastModified=s,CodeSha256=s,Version=s\
    1,VpcConfig={SubnetIds=[s],SecurityGroupIds=[s],VpcId=s,Ipv6AllowedForDualStack=b},DeadLet\
    terConfig={TargetArn=s},Environment={Variables=<s>,Error={ErrorCode=s,Message=s}},KMSKeyAr\
    n=s,TracingConfig={Mode=s(Active|PassThrough)},MasterArn=s,RevisionId=s,Layers=[{Arn=s1,Co\
    deSize=n,SigningProfileVersionArn=s,SigningJobArn=s}],State=s(Pending|Active|Inactive|Fail\
    ed|Deactivating|Deactivated|ActiveNonInvocable|Deleting),StateReason=s,StateReasonCode=s(I\
    dle|Creating|Restoring|EniLimitExceeded|InsufficientRolePermissions|InvalidConfiguration|I\
    nternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|ImageA\
    ccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|DisabledKMSK\
    ey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime|Inv\
    alidZipFileException|FunctionError|DrainingDurableExecutions|VcpuLimitExceeded|CapacityPro\
    viderScalingLimitExceeded|InsufficientCapacity|EC2RequestLimitExceeded|FunctionError.InitT\
    imeout|FunctionError.RuntimeInitError|FunctionError.ExtensionInitError|FunctionError.Inval\
    idEntryPoint|FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDenied|Function\
    Error.TooManyExtensions|FunctionError.InitResourceExhausted|DisallowedByVpcEncryptionContr\
    ol),LastUpdateStatus=s(Successful|Failed|InProgress),LastUpdateStatusReason=s,LastUpdateSt\
    atusReasonCode=s(EniLimitExceeded|InsufficientRolePermissions|InvalidConfiguration|Interna\
    lError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|ImageAccessD\
    enied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|DisabledKMSKey|EFS\
    IOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime|InvalidZi\
    pFileException|FunctionError|VcpuLimitExceeded|CapacityProviderScalingLimitExceeded|Insuff\
    icientCapacity|EC2RequestLimitExceeded|FunctionError.InitTimeout|FunctionError.RuntimeInit\
    Error|FunctionError.ExtensionInitError|FunctionError.InvalidEntryPoint|FunctionError.Inval\
    idWorkingDirectory|FunctionError.PermissionDenied|FunctionError.TooManyExtensions|Function\
    Error.InitResourceExhausted|DisallowedByVpcEncryptionControl),FileSystemConfigs=[{Arn!=s,L\
    ocalMountPath!=s}],PackageType=s(Zip|Image),ImageConfigResponse={ImageConfig={EntryPoint=[\
    s],Command=[s],WorkingDirectory=s},Error={ErrorCode=s,Message=s}},SigningProfileVersionArn\
    =s,SigningJobArn=s,Architectures=[s(x86_64|arm64)],EphemeralStorage={Size!=n(512,10240)},S\
    napStart={ApplyOn=s(PublishedVersions|None),OptimizationStatus=s(On|Off)},RuntimeVersionCo\
    nfig={RuntimeVersionArn=s,Error={ErrorCode=s,Message=s}},LoggingConfig={LogFormat=s(JSON|T\
    ext),ApplicationLogLevel=s(TRACE|DEBUG|INFO|WARN|ERROR|FATAL),SystemLogLevel=s(DEBUG|INFO|\
    WARN),LogGroup=s1},CapacityProviderConfig={LambdaManagedInstancesCapacityProviderConfig!={\
    CapacityProviderArn!=s1,PerExecutionEnvironmentMaxConcurrency=n(1,1600),ExecutionEnvironme\
    ntMemoryGiBPerVCpu=n(2.0,8.0)}},ConfigSha256=s,DurableConfig={RetentionPeriodInDays=n(1,90\
    ),ExecutionTimeout=n(1,31622400)},TenancyConfig={TenantIsolationMode!=s(PER_TENANT)}}
    lambda:updateFunctionCode {FunctionName=s1,FunctionArn=s,Runtime=s,Role=s,Handler=s,CodeSi\
    ze=n,Description=s,Timeout=n(1,),MemorySize=n(128,10240),LastModified=s,CodeSha256=s,Versi\
    on=s1,VpcConfig={SubnetIds=[s],SecurityGroupIds=[s],VpcId=s,Ipv6AllowedForDualStack=b},Dea\
    dLetterConfig={TargetArn=s},Environment={Variables=<s>,Error={ErrorCode=s,Message=s}},KMSK\
    eyArn=s,TracingConfig={Mode=s(Active|PassThrough)},MasterArn=s,RevisionId=s,Layers=[{Arn=s\
    1,CodeSize=n,SigningProfileVersionArn=s,SigningJobArn=s}],State=s(Pending|Active|Inactive|\
    Failed|Deactivating|Deactivated|ActiveNonInvocable|Deleting),StateReason=s,StateReasonCode\
    =s(Idle|Creating|Restoring|EniLimitExceeded|InsufficientRolePermissions|InvalidConfigurati\
    on|InternalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|Im\
    ageAccessDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|Disabled\
    KMSKey|EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime\
    |InvalidZipFileException|FunctionError|DrainingDurableExecutions|VcpuLimitExceeded|Capacit\
    yProviderScalingLimitExceeded|InsufficientCapacity|EC2RequestLimitExceeded|FunctionError.I\
    nitTimeout|FunctionError.RuntimeInitError|FunctionError.ExtensionInitError|FunctionError.I\
    nvalidEntryPoint|FunctionError.InvalidWorkingDirectory|FunctionError.PermissionDenied|Func\
    tionError.TooManyExtensions|FunctionError.InitResourceExhausted|DisallowedByVpcEncryptionC\
    ontrol),LastUpdateStatus=s(Successful|Failed|InProgress),LastUpdateStatusReason=s,LastUpda\
    teStatusReasonCode=s(EniLimitExceeded|InsufficientRolePermissions|InvalidConfiguration|Int\
    ernalError|SubnetOutOfIPAddresses|InvalidSubnet|InvalidSecurityGroup|ImageDeleted|ImageAcc\
    essDenied|InvalidImage|KMSKeyAccessDenied|KMSKeyNotFound|InvalidStateKMSKey|DisabledKMSKey\
    |EFSIOError|EFSMountConnectivityError|EFSMountFailure|EFSMountTimeout|InvalidRuntime|Inval\
    idZipFileException|FunctionError|VcpuLimitExceeded|CapacityProviderScalingLimitExceeded|In\
    sufficientCapacity|EC2RequestLimitExceeded|FunctionError.InitTimeout|FunctionError.Runtime\
    InitError|FunctionError.ExtensionInitError|FunctionError.InvalidEntryPoint|FunctionError.I\
    nvalidWorkingDirectory|FunctionError.PermissionDenied|FunctionError.TooManyExtensions|Func\
    tionError.InitResourceExhausted|DisallowedByVpcEncryptionControl),FileSystemConfigs=[{Arn!\
    =s,LocalMountPath!=s}],PackageType=s(Zip|Image),ImageConfigResponse={ImageConfig={EntryPoi\
    nt=[s],Command=[s],WorkingDirectory=s},Error={ErrorCode=s,Message=s}},SigningProfileVersio\
    nArn=s,SigningJobArn=s,Architectures=[s(x86_64|arm64)],EphemeralStorage={Size!=n(512,10240\
    )},SnapStart={ApplyOn=s(PublishedVersions|None),OptimizationStatus=s(On|Off)},RuntimeVersi\
    onConfig={RuntimeVersionArn=s,Error={ErrorCode=s,Message=s}},LoggingConfig={LogFormat=s(JS\
    ON|Text),ApplicationLogLevel=s(TRACE|DEBUG|INFO|WARN|ERROR|FATAL),SystemLogLevel=s(DEBUG|I\
    NFO|WARN),LogGroup=s1},CapacityProviderConfig={LambdaManagedInstancesCapacityProviderConfi\
    g!={CapacityProviderArn!=s1,PerExecutionEnvironmentMaxConcurrency=n(1,1600),ExecutionEnvir\
    onmentMemoryGiBPerVCpu=n(2.0,8.0)}},ConfigSha256=s,DurableConfig={RetentionPeriodInDays=n(\
    1,90),ExecutionTimeout=n(1,31622400)},TenancyConfig={TenantIsolationMode!=s(PER_TENANT)}}
    sqs:createQueue {QueueUrl=s}
    sqs:getQueueAttributes {Attributes=<s>}
    sqs:getQueueUrl {QueueUrl=s}
    sqs:receiveMessage {Messages=[{MessageId=s,ReceiptHandle=s,MD5OfBody=s,Body=s,Attributes=<\
    s>,MD5OfMessageAttributes=s,MessageAttributes=<*>}]}
    sqs:sendMessage {MD5OfMessageBody=s,MD5OfMessageAttributes=s,MD5OfMessageSystemAttributes=\
    s,MessageId=s,SequenceNumber=s}
    sqs:sendMessageBatch {Successful!=[{Id!=s,MessageId!=s,MD5OfMessageBody!=s,MD5OfMessageAtt\
    ributes=s,MD5OfMessageSystemAttributes=s,SequenceNumber=s}],Failed!=[{Id!=s,SenderFault!=b\
    ,Code!=s,Message=s}]}
    sns:createTopic {TopicArn=s}
    sns:listTopics {Topics=[{TopicArn=s}],NextToken=s}
    sns:publish {MessageId=s,SequenceNumber=s}
    sns:publishBatch {Successful=[{Id=s,MessageId=s,SequenceNumber=s}],Failed=[{Id!=s,Code!=s,\
    Message=s,SenderFault!=b}]}
    sns:subscribe {SubscriptionArn=s}
    dynamodb:batchGetItem {Responses=<[<*>]>,UnprocessedKeys=<{Keys!=[*],AttributesToGet=[s],C\
    onsistentRead=b,ProjectionExpression=s,ExpressionAttributeNames=<s>}>,ConsumedCapacity=[{T\
    ableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits=n,Table={ReadCapacityUn\
    its=n,WriteCapacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=<*>,GlobalSecondaryIndex\
    es=<*>}]}
    dynamodb:batchWriteItem {UnprocessedItems=<[{PutRequest=*,DeleteRequest=*}]>,ItemCollectio\
    nMetrics=<[{ItemCollectionKey=*,SizeEstimateRangeGB=*}]>,ConsumedCapacity=[{TableName=s1,C\
    apacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits=n,Table={ReadCapacityUnits=n,WriteCa\
    pacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=<*>,GlobalSecondaryIndexes=<*>}]}
    dynamodb:deleteItem {Attributes=<{S=s,N=s,B=s,SS=[s],NS=[s],BS=[s],M=<*>,L=[*],NULL=b,BOOL\
    =b}>,ConsumedCapacity={TableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits\
    =n,Table={ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=\
    <{ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>,GlobalSecondaryIndexes=<{Read\
    CapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>},ItemCollectionMetrics={ItemCollect\
    ionKey=<{S=s,N=s,B=s,SS=*,NS=*,BS=*,M=*,L=*,NULL=b,BOOL=b}>,SizeEstimateRangeGB=[n]}}
    dynamodb:describeTable {Table={AttributeDefinitions=[{AttributeName!=s1,AttributeType!=s(S\
    |N|B)}],TableName=s3,KeySchema=[{AttributeName!=s1,KeyType!=s(HASH|RANGE)}],TableStatus=s(\
    CREATING|UPDATING|DELETING|ACTIVE|INACCESSIBLE_ENCRYPTION_CREDENTIALS|ARCHIVING|ARCHIVED|R\
    EPLICATION_NOT_AUTHORIZED),CreationDateTime=s,ProvisionedThroughput={LastIncreaseDateTime=\
    s,LastDecreaseDateTime=s,NumberOfDecreasesToday=n(1,),ReadCapacityUnits=n(0,),WriteCapacit\
    yUnits=n(0,)},TableSizeBytes=n,ItemCount=n,TableArn=s,TableId=s,BillingModeSummary={Billin\
    gMode=s(PROVISIONED|PAY_PER_REQUEST),LastUpdateToPayPerRequestDateTime=s},LocalSecondaryIn\
    dexes=[{IndexName=s3,KeySchema=*,Projection=*,IndexSizeBytes=n,ItemCount=n,IndexArn=s}],Gl\
    obalSecondaryIndexes=[{IndexName=s3,KeySchema=*,Projection=*,IndexStatus=s(CREATING|UPDATI\
    NG|DELETING|ACTIVE),Backfilling=b,ProvisionedThroughput=*,IndexSizeBytes=n,ItemCount=n,Ind\
    exArn=s,OnDemandThroughput=*,WarmThroughput=*}],StreamSpecification={StreamEnabled!=b,Stre\
    amViewType=s(NEW_IMAGE|OLD_IMAGE|NEW_AND_OLD_IMAGES|KEYS_ONLY)},LatestStreamLabel=s,Latest\
    StreamArn=s,GlobalTableVersion=s,Replicas=[{RegionName=s,ReplicaStatus=s(CREATING|CREATION\
    _FAILED|UPDATING|DELETING|ACTIVE|REGION_DISABLED|INACCESSIBLE_ENCRYPTION_CREDENTIALS|ARCHI\
    VING|ARCHIVED|REPLICATION_NOT_AUTHORIZED),ReplicaArn=s,ReplicaStatusDescription=s,ReplicaS\
    tatusPercentProgress=s,KMSMasterKeyId=s,ProvisionedThroughputOverride=*,OnDemandThroughput\
    Override=*,WarmThroughput=*,GlobalSecondaryIndexes=*,ReplicaInaccessibleDateTime=s,Replica\
    TableClassSummary=*,GlobalTableSettingsReplicationMode=s(ENABLED|DISABLED|ENABLED_WITH_OVE\
    RRIDES)}],GlobalTableWitnesses=[{RegionName=s,WitnessStatus=s(CREATING|DELETING|ACTIVE)}],\
    GlobalTableSettingsReplicationMode=s(ENABLED|DISABLED|ENABLED_WITH_OVERRIDES),RestoreSumma\
    ry={SourceBackupArn=s,SourceTableArn=s1,RestoreDateTime!=s,RestoreInProgress!=b},SSEDescri\
    ption={Status=s(ENABLING|ENABLED|DISABLING|DISABLED|UPDATING),SSEType=s(AES256|KMS),KMSMas\
    terKeyArn=s,InaccessibleEncryptionDateTime=s},ArchivalSummary={ArchivalDateTime=s,Archival\
    Reason=s,ArchivalBackupArn=s},TableClassSummary={TableClass=s(STANDARD|STANDARD_INFREQUENT\
    _ACCESS),LastUpdateDateTime=s},DeletionProtectionEnabled=b,OnDemandThroughput={MaxReadRequ\
    estUnits=n,MaxWriteRequestUnits=n},WarmThroughput={ReadUnitsPerSecond=n(1,),WriteUnitsPerS\
    econd=n(1,),Status=s(CREATING|UPDATING|DELETING|ACTIVE|INACCESSIBLE_ENCRYPTION_CREDENTIALS\
    |ARCHIVING|ARCHIVED|REPLICATION_NOT_AUTHORIZED)},MultiRegionConsistency=s(EVENTUAL|STRONG)\
    }}
    dynamodb:getItem {Item=<{S=s,N=s,B=s,SS=[s],NS=[s],BS=[s],M=<*>,L=[*],NULL=b,BOOL=b}>,Cons\
    umedCapacity={TableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits=n,Table=\
    {ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=<{ReadCap\
    acityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>,GlobalSecondaryIndexes=<{ReadCapacityU\
    nits=n,WriteCapacityUnits=n,CapacityUnits=n}>}}
    dynamodb:putItem {Attributes=<{S=s,N=s,B=s,SS=[s],NS=[s],BS=[s],M=<*>,L=[*],NULL=b,BOOL=b}\
    >,ConsumedCapacity={TableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits=n,\
    Table={ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=<{R\
    eadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>,GlobalSecondaryIndexes=<{ReadCap\
    acityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>},ItemCollectionMetrics={ItemCollection\
    Key=<{S=s,N=s,B=s,SS=*,NS=*,BS=*,M=*,L=*,NULL=b,BOOL=b}>,SizeEstimateRangeGB=[n]}}
    dynamodb:query {Items=[<{S=s,N=s,B=s,SS=*,NS=*,BS=*,M=*,L=*,NULL=b,BOOL=b}>],Count=n,Scann\
    edCount=n,LastEvaluatedKey=<{S=s,N=s,B=s,SS=[s],NS=[s],BS=[s],M=<*>,L=[*],NULL=b,BOOL=b}>,\
    ConsumedCapacity={TableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits=n,Ta\
    ble={ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=<{Rea\
    dCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>,GlobalSecondaryIndexes=<{ReadCapac\
    ityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>}}
    dynamodb:scan {Items=[<{S=s,N=s,B=s,SS=*,NS=*,BS=*,M=*,L=*,NULL=b,BOOL=b}>],Count=n,Scanne\
    dCount=n,LastEvaluatedKey=<{S=s,N=s,B=s,SS=[s],NS=[s],BS=[s],M=<*>,L=[*],NULL=b,BOOL=b}>,C\
    onsumedCapacity={TableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits=n,Tab\
    le={ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=<{Read\
    CapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>,GlobalSecondaryIndexes=<{ReadCapaci\
    tyUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>}}
    dynamodb:transactWriteItems {ConsumedCapacity=[{TableName=s1,CapacityUnits=n,ReadCapacityU\
    nits=n,WriteCapacityUnits=n,Table={ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=\
    n},LocalSecondaryIndexes=<*>,GlobalSecondaryIndexes=<*>}],ItemCollectionMetrics=<[{ItemCol\
    lectionKey=*,SizeEstimateRangeGB=*}]>}
    dynamodb:updateItem {Attributes=<{S=s,N=s,B=s,SS=[s],NS=[s],BS=[s],M=<*>,L=[*],NULL=b,BOOL\
    =b}>,ConsumedCapacity={TableName=s1,CapacityUnits=n,ReadCapacityUnits=n,WriteCapacityUnits\
    =n,Table={ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n},LocalSecondaryIndexes=\
    <{ReadCapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>,GlobalSecondaryIndexes=<{Read\
    CapacityUnits=n,WriteCapacityUnits=n,CapacityUnits=n}>},ItemCollectionMetrics={ItemCollect\
    ionKey=<{S=s,N=s,B=s,SS=*,NS=*,BS=*,M=*,L=*,NULL=b,BOOL=b}>,SizeEstimateRangeGB=[n]}}
    eventbridge:describeRule {Name=s1,Arn=s1,EventPattern=s,ScheduleExpression=s,State=s(ENABL\
    ED|DISABLED|ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS),Description=s,RoleArn=s1,Manage\
    dBy=s1,EventBusName=s1,CreatedBy=s1}
    eventbridge:putEvents {FailedEntryCount=n,Entries=[{EventId=s,ErrorCode=s,ErrorMessage=s}]\
    }
    eventbridge:putRule {RuleArn=s1}
    sfn:createActivity {ActivityArn!=s1,CreationDate!=s}
    sfn:createStateMachine {StateMachineArn!=s1,CreationDate!=s,StateMachineVersionArn=s1}
    sfn:createStateMachineAlias {StateMachineAliasArn!=s1,CreationDate!=s}
    sfn:describeActivity {ActivityArn!=s1,Name!=s1,CreationDate!=s,EncryptionConfiguration={Km\
    sKeyId=s1,KmsDataKeyReusePeriodSeconds=n(60,900),Type!=s(AWS_OWNED_KEY|CUSTOMER_MANAGED_KM\
    S_KEY)}}
    sfn:describeExecution {ExecutionArn!=s1,StateMachineArn!=s1,Name=s1,Status!=s(RUNNING|SUCC\
    EEDED|FAILED|TIMED_OUT|ABORTED|PENDING_REDRIVE),StartDate!=s,StopDate=s,Input=s,InputDetai\
    ls={Included=b},Output=s,OutputDetails={Included=b},TraceHeader=s,MapRunArn=s1,Error=s,Cau\
    se=s,StateMachineVersionArn=s1,StateMachineAliasArn=s1,RedriveCount=n,RedriveDate=s,Redriv\
    eStatus=s(REDRIVABLE|NOT_REDRIVABLE|REDRIVABLE_BY_MAP_RUN),RedriveStatusReason=s}
    sfn:describeMapRun {MapRunArn!=s1,ExecutionArn!=s1,Status!=s(RUNNING|SUCCEEDED|FAILED|ABOR\
    TED),StartDate!=s,StopDate=s,MaxConcurrency!=n(0,),ToleratedFailurePercentage!=n(0,100),To\
    leratedFailureCount!=n(0,),ItemCounts!={Pending!=n(0,),Running!=n(0,),Succeeded!=n(0,),Fai\
    led!=n(0,),TimedOut!=n(0,),Aborted!=n(0,),Total!=n(0,),ResultsWritten!=n(0,),FailuresNotRe\
    drivable=n,PendingRedrive=n},ExecutionCounts!={Pending!=n(0,),Running!=n(0,),Succeeded!=n(\
    0,),Failed!=n(0,),TimedOut!=n(0,),Aborted!=n(0,),Total!=n(0,),ResultsWritten!=n(0,),Failur\
    esNotRedrivable=n,PendingRedrive=n},RedriveCount=n,RedriveDate=s}
    sfn:describeStateMachine {StateMachineArn!=s1,Name!=s1,Status=s(ACTIVE|DELETING),Definitio\
    n!=s1,RoleArn!=s1,Type!=s(STANDARD|EXPRESS),CreationDate!=s,LoggingConfiguration={Level=s(\
    ALL|ERROR|FATAL|OFF),IncludeExecutionData=b,Destinations=[{CloudWatchLogsLogGroup=*}]},Tra\
    cingConfiguration={Enabled=b},Label=s,RevisionId=s,Description=s,EncryptionConfiguration={\
    KmsKeyId=s1,KmsDataKeyReusePeriodSeconds=n(60,900),Type!=s(AWS_OWNED_KEY|CUSTOMER_MANAGED_\
    KMS_KEY)},VariableReferences=<[s]>}
    sfn:describeStateMachineAlias {StateMachineAliasArn=s1,Name=s1,Description=s,RoutingConfig\
    uration=[{StateMachineVersionArn!=s1,Weight!=n(0,100)}],CreationDate=s,UpdateDate=s}
    sfn:describeStateMachineForExecution {StateMachineArn!=s1,Name!=s1,Definition!=s1,RoleArn!\
    =s1,UpdateDate!=s,LoggingConfiguration={Level=s(ALL|ERROR|FATAL|OFF),IncludeExecutionData=\
    b,Destinations=[{CloudWatchLogsLogGroup=*}]},TracingConfiguration={Enabled=b},MapRunArn=s1\
    ,Label=s,RevisionId=s,EncryptionConfiguration={KmsKeyId=s1,KmsDataKeyReusePeriodSeconds=n(\
    60,900),Type!=s(AWS_OWNED_KEY|CUSTOMER_MANAGED_KMS_KEY)},VariableReferences=<[s]>}
    sfn:getActivityTask {TaskToken=s1,Input=s}
    sfn:getExecutionHistory {Events!=[{Timestamp!=s,Type!=s,Id!=n,PreviousEventId=n,ActivityFa\
    iledEventDetails={Error=s,Cause=s},ActivityScheduleFailedEventDetails={Error=s,Cause=s},Ac\
    tivityScheduledEventDetails={Resource!=s1,Input=s,InputDetails=*,TimeoutInSeconds=n,Heartb\
    eatInSeconds=n},ActivityStartedEventDetails={WorkerName=s},ActivitySucceededEventDetails={\
    Output=s,OutputDetails=*},ActivityTimedOutEventDetails={Error=s,Cause=s},TaskFailedEventDe\
    tails={ResourceType!=s1,Resource!=s1,Error=s,Cause=s},TaskScheduledEventDetails={ResourceT\
    ype!=s1,Resource!=s1,Region!=s1,Parameters!=s,TimeoutInSeconds=n,HeartbeatInSeconds=n,Task\
    Credentials=*},TaskStartFailedEventDetails={ResourceType!=s1,Resource!=s1,Error=s,Cause=s}\
    ,TaskStartedEventDetails={ResourceType!=s1,Resource!=s1},TaskSubmitFailedEventDetails={Res\
    ourceType!=s1,Resource!=s1,Error=s,Cause=s},TaskSubmittedEventDetails={ResourceType!=s1,Re\
    source!=s1,Output=s,OutputDetails=*},TaskSucceededEventDetails={ResourceType!=s1,Resource!\
    =s1,Output=s,OutputDetails=*},TaskTimedOutEventDetails={ResourceType!=s1,Resource!=s1,Erro\
    r=s,Cause=s},ExecutionFailedEventDetails={Error=s,Cause=s},ExecutionStartedEventDetails={I\
    nput=s,InputDetails=*,RoleArn=s1,StateMachineAliasArn=s1,StateMachineVersionArn=s1},Execut\
    ionSucceededEventDetails={Output=s,OutputDetails=*},ExecutionAbortedEventDetails={Error=s,\
    Cause=s},ExecutionTimedOutEventDetails={Error=s,Cause=s},ExecutionRedrivenEventDetails={Re\
    driveCount=n},MapStateStartedEventDetails={Length=n(0,)},MapIterationStartedEventDetails={\
    Name=s1,Index=n(0,)},MapIterationSucceededEventDetails={Name=s1,Index=n(0,)},MapIterationF\
    ailedEventDetails={Name=s1,Index=n(0,)},MapIterationAbortedEventDetails={Name=s1,Index=n(0\
    ,)},LambdaFunctionFailedEventDetails={Error=s,Cause=s},LambdaFunctionScheduleFailedEventDe\
    tails={Error=s,Cause=s},LambdaFunctionScheduledEventDetails={Resource!=s1,Input=s,InputDet\
    ails=*,TimeoutInSeconds=n,TaskCredentials=*},LambdaFunctionStartFailedEventDetails={Error=\
    s,Cause=s},LambdaFunctionSucceededEventDetails={Output=s,OutputDetails=*},LambdaFunctionTi\
    medOutEventDetails={Error=s,Cause=s},StateEnteredEventDetails={Name!=s1,Input=s,InputDetai\
    ls=*},StateExitedEventDetails={Name!=s1,Output=s,OutputDetails=*,AssignedVariables=*,Assig\
    nedVariablesDetails=*},MapRunStartedEventDetails={MapRunArn=s1},MapRunFailedEventDetails={\
    Error=s,Cause=s},MapRunRedrivenEventDetails={MapRunArn=s1,RedriveCount=n},EvaluationFailed\
    EventDetails={Error=s,Cause=s,Location=s,State!=s1}}],NextToken=s1}
    sfn:listActivities {Activities!=[{ActivityArn!=s1,Name!=s1,CreationDate!=s}],NextToken=s1}
    sfn:listExecutions {Executions!=[{ExecutionArn!=s1,StateMachineArn!=s1,Name!=s1,Status!=s(\
    RUNNING|SUCCEEDED|FAILED|TIMED_OUT|ABORTED|PENDING_REDRIVE),StartDate!=s,StopDate=s,MapRun\
    Arn=s1,ItemCount=n(0,),StateMachineVersionArn=s1,StateMachineAliasArn=s1,RedriveCount=n,Re\
    driveDate=s}],NextToken=s1}
    sfn:listMapRuns {MapRuns!=[{ExecutionArn!=s1,MapRunArn!=s1,StateMachineArn!=s1,StartDate!=\
    s,StopDate=s}],NextToken=s1}
    sfn:listStateMachineAliases {StateMachineAliases!=[{StateMachineAliasArn!=s1,CreationDate!\
    =s}],NextToken=s1}
    sfn:listStateMachineVersions {StateMachineVersions!=[{StateMachineVersionArn!=s1,CreationD\
    ate!=s}],NextToken=s1}
    sfn:listStateMachines {StateMachines!=[{StateMachineArn!=s1,Name!=s1,Type!=s(STANDARD|EXPR\
    ESS),CreationDate!=s}],NextToken=s1}
    sfn:listTagsForResource {Tags=[{Key=s1,Value=s}]}
    sfn:publishStateMachineVersion {CreationDate!=s,StateMachineVersionArn!=s1}
    sfn:redriveExecution {RedriveDate!=s}
    sfn:startExecution {ExecutionArn!=s1,StartDate!=s}
    sfn:startSyncExecution {ExecutionArn!=s1,StateMachineArn=s1,Name=s1,StartDate!=s,StopDate!\
    =s,Status!=s(SUCCEEDED|FAILED|TIMED_OUT),Error=s,Cause=s,Input=s,InputDetails={Included=b}\
    ,Output=s,OutputDetails={Included=b},TraceHeader=s,BillingDetails={BilledMemoryUsedInMB=n(\
    0,),BilledDurationInMilliseconds=n(0,)}}
    sfn:stopExecution {StopDate!=s}
    sfn:testState {Output=s,Error=s,Cause=s,InspectionData={Input=s,AfterArguments=s,AfterInpu\
    tPath=s,AfterParameters=s,Result=s,AfterResultSelector=s,AfterResultPath=s,Request={Protoc\
    ol=s,Method=s,Url=s,Headers=s,Body=s},Response={Protocol=s,StatusCode=s,StatusMessage=s,He\
    aders=s,Body=s},Variables=s,ErrorDetails={CatchIndex=n(0,),RetryIndex=n(0,),RetryBackoffIn\
    tervalSeconds=n(0,)},AfterItemsPath=s,AfterItemSelector=s,AfterItemBatcher=s,AfterItemsPoi\
    nter=s,ToleratedFailureCount=n(0,),ToleratedFailurePercentage=n(0,100),MaxConcurrency=n(0,\
    )},NextState=s1,Status=s(SUCCEEDED|FAILED|RETRIABLE|CAUGHT_ERROR)}
    sfn:updateStateMachine {UpdateDate!=s,RevisionId=s,StateMachineVersionArn=s1}
    sfn:updateStateMachineAlias {UpdateDate!=s}
    sfn:validateStateMachineDefinition {Result!=s(OK|FAIL),Diagnostics!=[{Severity!=s(ERROR|WA\
    RNING),Code!=s,Message!=s,Location=s}],Truncated=b}
    s3:copyObject {CopyObjectResult={ETag=s,LastModified=s,ChecksumType=s(COMPOSITE|FULL_OBJEC\
    T),ChecksumCRC32=s,ChecksumCRC32C=s,ChecksumCRC64NVME=s,ChecksumSHA1=s,ChecksumSHA256=s,Ch\
    ecksumSHA512=s,ChecksumMD5=s,ChecksumXXHASH64=s,ChecksumXXHASH3=s,ChecksumXXHASH128=s},Exp\
    iration=s,CopySourceVersionId=s,VersionId=s,ServerSideEncryption=s(AES256|aws:fsx|aws:kms|\
    aws:kms:dsse),SSECustomerAlgorithm=s,SSECustomerKeyMD5=s,SSEKMSKeyId=s,SSEKMSEncryptionCon\
    text=s,BucketKeyEnabled=b,RequestCharged=s(requester)}
    s3:createBucket {Location=s,BucketArn=s1}
    s3:deleteObject {DeleteMarker=b,VersionId=s,RequestCharged=s(requester)}
    s3:getObject {Body=s,DeleteMarker=b,AcceptRanges=s,Expiration=s,Restore=s,LastModified=s,C\
    ontentLength=n,ETag=s,ChecksumCRC32=s,ChecksumCRC32C=s,ChecksumCRC64NVME=s,ChecksumSHA1=s,\
    ChecksumSHA256=s,ChecksumSHA512=s,ChecksumMD5=s,ChecksumXXHASH64=s,ChecksumXXHASH3=s,Check\
    sumXXHASH128=s,ChecksumType=s(COMPOSITE|FULL_OBJECT),MissingMeta=n,VersionId=s,CacheContro\
    l=s,ContentDisposition=s,ContentEncoding=s,ContentLanguage=s,ContentRange=s,ContentType=s,\
    Expires=s,WebsiteRedirectLocation=s,ServerSideEncryption=s(AES256|aws:fsx|aws:kms|aws:kms:\
    dsse),Metadata=<s>,SSECustomerAlgorithm=s,SSECustomerKeyMD5=s,SSEKMSKeyId=s,BucketKeyEnabl\
    ed=b,StorageClass=s(STANDARD|REDUCED_REDUNDANCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING\
    |GLACIER|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|EXPRESS_ONEZONE|FSX_OPENZFS|FSX_ONTAP),Requ\
    estCharged=s(requester),ReplicationStatus=s(COMPLETE|PENDING|FAILED|REPLICA|COMPLETED),Par\
    tsCount=n,TagCount=n,ObjectLockMode=s(GOVERNANCE|COMPLIANCE),ObjectLockRetainUntilDate=s,O\
    bjectLockLegalHoldStatus=s(ON|OFF)}
    s3:headObject {DeleteMarker=b,AcceptRanges=s,Expiration=s,Restore=s,ArchiveStatus=s(ARCHIV\
    E_ACCESS|DEEP_ARCHIVE_ACCESS),LastModified=s,ContentLength=n,ChecksumCRC32=s,ChecksumCRC32\
    C=s,ChecksumCRC64NVME=s,ChecksumSHA1=s,ChecksumSHA256=s,ChecksumSHA512=s,ChecksumMD5=s,Che\
    cksumXXHASH64=s,ChecksumXXHASH3=s,ChecksumXXHASH128=s,ChecksumType=s(COMPOSITE|FULL_OBJECT\
    ),ETag=s,MissingMeta=n,VersionId=s,CacheControl=s,ContentDisposition=s,ContentEncoding=s,C\
    ontentLanguage=s,ContentType=s,ContentRange=s,Expires=s,WebsiteRedirectLocation=s,ServerSi\
    deEncryption=s(AES256|aws:fsx|aws:kms|aws:kms:dsse),Metadata=<s>,SSECustomerAlgorithm=s,SS\
    ECustomerKeyMD5=s,SSEKMSKeyId=s,BucketKeyEnabled=b,StorageClass=s(STANDARD|REDUCED_REDUNDA\
    NCY|STANDARD_IA|ONEZONE_IA|INTELLIGENT_TIERING|GLACIER|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SN\
    OW|EXPRESS_ONEZONE|FSX_OPENZFS|FSX_ONTAP),RequestCharged=s(requester),ReplicationStatus=s(\
    COMPLETE|PENDING|FAILED|REPLICA|COMPLETED),PartsCount=n,TagCount=n,ObjectLockMode=s(GOVERN\
    ANCE|COMPLIANCE),ObjectLockRetainUntilDate=s,ObjectLockLegalHoldStatus=s(ON|OFF)}
    s3:listBuckets {Buckets=[{Name=s,CreationDate=s,BucketRegion=s,BucketArn=s1}],Owner={Displ\
    ayName=s,ID=s},ContinuationToken=s,Prefix=s}
    s3:listObjectsV2 {IsTruncated=b,Contents=[{Key=s1,LastModified=s,ETag=s,ChecksumAlgorithm=\
    [s(CRC32|CRC32C|SHA1|SHA256|CRC64NVME|SHA512|MD5|XXHASH64|XXHASH3|XXHASH128)],ChecksumType\
    =s(COMPOSITE|FULL_OBJECT),Size=n,StorageClass=s(STANDARD|REDUCED_REDUNDANCY|GLACIER|STANDA\
    RD_IA|ONEZONE_IA|INTELLIGENT_TIERING|DEEP_ARCHIVE|OUTPOSTS|GLACIER_IR|SNOW|EXPRESS_ONEZONE\
    |FSX_OPENZFS|FSX_ONTAP),Owner={DisplayName=s,ID=s},RestoreStatus={IsRestoreInProgress=b,Re\
    storeExpiryDate=s}}],Name=s,Prefix=s,Delimiter=s,MaxKeys=n,CommonPrefixes=[{Prefix=s}],Enc\
    odingType=s(url),KeyCount=n,ContinuationToken=s,NextContinuationToken=s,StartAfter=s,Reque\
    stCharged=s(requester)}
    s3:putObject {Expiration=s,ETag=s,ChecksumCRC32=s,ChecksumCRC32C=s,ChecksumCRC64NVME=s,Che\
    cksumSHA1=s,ChecksumSHA256=s,ChecksumSHA512=s,ChecksumMD5=s,ChecksumXXHASH64=s,ChecksumXXH\
    ASH3=s,ChecksumXXHASH128=s,ChecksumType=s(COMPOSITE|FULL_OBJECT),ServerSideEncryption=s(AE\
    S256|aws:fsx|aws:kms|aws:kms:dsse),VersionId=s,SSECustomerAlgorithm=s,SSECustomerKeyMD5=s,\
    SSEKMSKeyId=s,SSEKMSEncryptionContext=s,BucketKeyEnabled=b,Size=n,RequestCharged=s(request\
    er)}
    kms:decrypt {KeyId=s1,Plaintext=s1,EncryptionAlgorithm=s(SYMMETRIC_DEFAULT|RSAES_OAEP_SHA_\
    1|RSAES_OAEP_SHA_256|SM2PKE),CiphertextForRecipient=s1,KeyMaterialId=s}
    kms:describeKey {KeyMetadata={AWSAccountId=s,KeyId!=s1,Arn=s,CreationDate=s,Enabled=b,Desc\
    ription=s,KeyUsage=s(SIGN_VERIFY|ENCRYPT_DECRYPT|GENERATE_VERIFY_MAC|KEY_AGREEMENT),KeySta\
    te=s(Creating|Enabled|Disabled|PendingDeletion|PendingImport|PendingReplicaDeletion|Unavai\
    lable|Updating),DeletionDate=s,ValidTo=s,Origin=s(AWS_KMS|EXTERNAL|AWS_CLOUDHSM|EXTERNAL_K\
    EY_STORE),CustomKeyStoreId=s1,CloudHsmClusterId=s,ExpirationModel=s(KEY_MATERIAL_EXPIRES|K\
    EY_MATERIAL_DOES_NOT_EXPIRE),KeyManager=s(AWS|CUSTOMER),CustomerMasterKeySpec=s(RSA_2048|R\
    SA_3072|RSA_4096|ECC_NIST_P256|ECC_NIST_P384|ECC_NIST_P521|ECC_SECG_P256K1|SYMMETRIC_DEFAU\
    LT|HMAC_224|HMAC_256|HMAC_384|HMAC_512|SM2),KeySpec=s(RSA_2048|RSA_3072|RSA_4096|ECC_NIST_\
    P256|ECC_NIST_P384|ECC_NIST_P521|ECC_SECG_P256K1|SYMMETRIC_DEFAULT|HMAC_224|HMAC_256|HMAC_\
    384|HMAC_512|SM2|ML_DSA_44|ML_DSA_65|ML_DSA_87|ECC_NIST_EDWARDS25519),EncryptionAlgorithms\
    =[s(SYMMETRIC_DEFAULT|RSAES_OAEP_SHA_1|RSAES_OAEP_SHA_256|SM2PKE)],SigningAlgorithms=[s(RS\
    ASSA_PSS_SHA_256|RSASSA_PSS_SHA_384|RSASSA_PSS_SHA_512|RSASSA_PKCS1_V1_5_SHA_256|RSASSA_PK\
    CS1_V1_5_SHA_384|RSASSA_PKCS1_V1_5_SHA_512|ECDSA_SHA_256|ECDSA_SHA_384|ECDSA_SHA_512|SM2DS\
    A|ML_DSA_SHAKE_256|ED25519_SHA_512|ED25519_PH_SHA_512)],KeyAgreementAlgorithms=[s(ECDH)],M\
    ultiRegion=b,MultiRegionConfiguration={MultiRegionKeyType=s(PRIMARY|REPLICA),PrimaryKey={A\
    rn=s,Region=s1},ReplicaKeys=[*]},PendingDeletionWindowInDays=n(1,365),MacAlgorithms=[s(HMA\
    C_SHA_224|HMAC_SHA_256|HMAC_SHA_384|HMAC_SHA_512)],XksKeyConfiguration={Id=s1},CurrentKeyM\
    aterialId=s}}
    kms:encrypt {CiphertextBlob=s1,KeyId=s1,EncryptionAlgorithm=s(SYMMETRIC_DEFAULT|RSAES_OAEP\
    _SHA_1|RSAES_OAEP_SHA_256|SM2PKE)}
    kms:generateDataKey {CiphertextBlob=s1,Plaintext=s1,KeyId=s1,CiphertextForRecipient=s1,Key\
    MaterialId=s}
    kms:sign {KeyId=s1,Signature=s1,SigningAlgorithm=s(RSASSA_PSS_SHA_256|RSASSA_PSS_SHA_384|R\
    SASSA_PSS_SHA_512|RSASSA_PKCS1_V1_5_SHA_256|RSASSA_PKCS1_V1_5_SHA_384|RSASSA_PKCS1_V1_5_SH\
    A_512|ECDSA_SHA_256|ECDSA_SHA_384|ECDSA_SHA_512|SM2DSA|ML_DSA_SHAKE_256|ED25519_SHA_512|ED\
    25519_PH_SHA_512)}
    kms:verify {KeyId=s1,SignatureValid=b,SigningAlgorithm=s(RSASSA_PSS_SHA_256|RSASSA_PSS_SHA\
    _384|RSASSA_PSS_SHA_512|RSASSA_PKCS1_V1_5_SHA_256|RSASSA_PKCS1_V1_5_SHA_384|RSASSA_PKCS1_V\
    1_5_SHA_512|ECDSA_SHA_256|ECDSA_SHA_384|ECDSA_SHA_512|SM2DSA|ML_DSA_SHAKE_256|ED25519_SHA_\
    512|ED25519_PH_SHA_512)}
    secretsmanager:createSecret {ARN=s,Name=s1,VersionId=s,ReplicationStatus=[{Region=s1,KmsKe\
    yId=s,Status=s(InSync|Failed|InProgress),StatusMessage=s1,LastAccessedDate=s}]}
    secretsmanager:deleteSecret {ARN=s,Name=s1,DeletionDate=s}
    secretsmanager:describeSecret {ARN=s,Name=s1,Type=s,Description=s,KmsKeyId=s,RotationEnabl\
    ed=b,RotationLambdaARN=s,RotationRules={AutomaticallyAfterDays=n(1,1000),Duration=s2,Sched\
    uleExpression=s1},ExternalSecretRotationMetadata=[{Key=s1,Value=s1}],ExternalSecretRotatio\
    nRoleArn=s,LastRotatedDate=s,LastChangedDate=s,LastAccessedDate=s,DeletedDate=s,NextRotati\
    onDate=s,Tags=[{Key=s1,Value=s}],VersionIdsToStages=<[s1]>,OwningService=s1,CreatedDate=s,\
    PrimaryRegion=s1,ReplicationStatus=[{Region=s1,KmsKeyId=s,Status=s(InSync|Failed|InProgres\
    s),StatusMessage=s1,LastAccessedDate=s}]}
    secretsmanager:getSecretValue {ARN=s,Name=s1,VersionId=s,SecretBinary=s1,SecretString=s1,V\
    ersionStages=[s1],CreatedDate=s}
    secretsmanager:putSecretValue {ARN=s,Name=s1,VersionId=s,VersionStages=[s1]}
    ssm:getParameter {Parameter={Name=s1,Type=s(String|StringList|SecureString),Value=s,Versio\
    n=n,Selector=s,SourceResult=s,LastModifiedDate=s,ARN=s,DataType=s}}
    ssm:getParameters {Parameters=[{Name=s1,Type=s(String|StringList|SecureString),Value=s,Ver\
    sion=n,Selector=s,SourceResult=s,LastModifiedDate=s,ARN=s,DataType=s}],InvalidParameters=[\
    s1]}
    ssm:putParameter {Version=n,Tier=s(Standard|Advanced|Intelligent-Tiering)}
    ssm:sendCommand {Command={CommandId=s,DocumentName=s,DocumentVersion=s,Comment=s,ExpiresAf\
    ter=s,Parameters=<[s]>,InstanceIds=[s],Targets=[{Key=s1,Values=*}],RequestedDateTime=s,Sta\
    tus=s(Pending|InProgress|Success|Cancelled|Failed|TimedOut|Cancelling),StatusDetails=s,Out\
    putS3Region=s3,OutputS3BucketName=s3,OutputS3KeyPrefix=s,MaxConcurrency=s1,MaxErrors=s1,Ta\
    rgetCount=n,CompletedCount=n,ErrorCount=n,DeliveryTimedOutCount=n,ServiceRole=s,Notificati\
    onConfig={NotificationArn=s,NotificationEvents=[s(All|InProgress|Success|TimedOut|Cancelle\
    d|Failed)],NotificationType=s(Command|Invocation)},CloudWatchOutputConfig={CloudWatchLogGr\
    oupName=s1,CloudWatchOutputEnabled=b},TimeoutSeconds=n(30,2592000),AlarmConfiguration={Ign\
    orePollAlarmFailure=b,Alarms!=[*]},TriggeredAlarms=[{Name!=s1,State!=s(UNKNOWN|ALARM)}]}}
    ecs:describeTasks {Tasks=[{Attachments=[*],Attributes=[*],AvailabilityZone=s,CapacityProvi\
    derName=s,ClusterArn=s,Connectivity=s(CONNECTED|DISCONNECTED),ConnectivityAt=s,ContainerIn\
    stanceArn=s,Containers=[*],Cpu=s,CreatedAt=s,DesiredStatus=s,EnableExecuteCommand=b,Execut\
    ionStoppedAt=s,Group=s,HealthStatus=s(HEALTHY|UNHEALTHY|UNKNOWN),InferenceAccelerators=[*]\
    ,LastStatus=s,LaunchType=s(EC2|FARGATE|EXTERNAL|MANAGED_INSTANCES),Memory=s,Overrides={Con\
    tainerOverrides=*,Cpu=s,InferenceAcceleratorOverrides=*,ExecutionRoleArn=s,Memory=s,TaskRo\
    leArn=s,EphemeralStorage=*},PlatformVersion=s,PlatformFamily=s,PullStartedAt=s,PullStopped\
    At=s,StartedAt=s,StartedBy=s,StopCode=s(TaskFailedToStart|EssentialContainerExited|UserIni\
    tiated|ServiceSchedulerInitiated|SpotInterruption|TerminationNotice),StoppedAt=s,StoppedRe\
    ason=s,StoppingAt=s,Tags=[*],TaskArn=s,TaskDefinitionArn=s,Version=n,EphemeralStorage={Siz\
    eInGiB!=n},FargateEphemeralStorage={SizeInGiB=n,KmsKeyId=s}}],Failures=[{Arn=s,Reason=s,De\
    tail=s}]}
    ecs:runTask {Tasks=[{Attachments=[*],Attributes=[*],AvailabilityZone=s,CapacityProviderNam\
    e=s,ClusterArn=s,Connectivity=s(CONNECTED|DISCONNECTED),ConnectivityAt=s,ContainerInstance\
    Arn=s,Containers=[*],Cpu=s,CreatedAt=s,DesiredStatus=s,EnableExecuteCommand=b,ExecutionSto\
    ppedAt=s,Group=s,HealthStatus=s(HEALTHY|UNHEALTHY|UNKNOWN),InferenceAccelerators=[*],LastS\
    tatus=s,LaunchType=s(EC2|FARGATE|EXTERNAL|MANAGED_INSTANCES),Memory=s,Overrides={Container\
    Overrides=*,Cpu=s,InferenceAcceleratorOverrides=*,ExecutionRoleArn=s,Memory=s,TaskRoleArn=\
    s,EphemeralStorage=*},PlatformVersion=s,PlatformFamily=s,PullStartedAt=s,PullStoppedAt=s,S\
    tartedAt=s,StartedBy=s,StopCode=s(TaskFailedToStart|EssentialContainerExited|UserInitiated\
    |ServiceSchedulerInitiated|SpotInterruption|TerminationNotice),StoppedAt=s,StoppedReason=s\
    ,StoppingAt=s,Tags=[*],TaskArn=s,TaskDefinitionArn=s,Version=n,EphemeralStorage={SizeInGiB\
    !=n},FargateEphemeralStorage={SizeInGiB=n,KmsKeyId=s}}],Failures=[{Arn=s,Reason=s,Detail=s\
    }]}
    ecs:stopTask {Task={Attachments=[{Id=s,Type=s,Status=s,Details=*}],Attributes=[{Name!=s,Va\
    lue=s,TargetType=s(container-instance),TargetId=s}],AvailabilityZone=s,CapacityProviderNam\
    e=s,ClusterArn=s,Connectivity=s(CONNECTED|DISCONNECTED),ConnectivityAt=s,ContainerInstance\
    Arn=s,Containers=[{ContainerArn=s,TaskArn=s,Name=s,Image=s,ImageDigest=s,RuntimeId=s,LastS\
    tatus=s,ExitCode=n,Reason=s,NetworkBindings=*,NetworkInterfaces=*,HealthStatus=s(HEALTHY|U\
    NHEALTHY|UNKNOWN),ManagedAgents=*,Cpu=s,Memory=s,MemoryReservation=s,GpuIds=*}],Cpu=s,Crea\
    tedAt=s,DesiredStatus=s,EnableExecuteCommand=b,ExecutionStoppedAt=s,Group=s,HealthStatus=s\
    (HEALTHY|UNHEALTHY|UNKNOWN),InferenceAccelerators=[{DeviceName!=s,DeviceType!=s}],LastStat\
    us=s,LaunchType=s(EC2|FARGATE|EXTERNAL|MANAGED_INSTANCES),Memory=s,Overrides={ContainerOve\
    rrides=[*],Cpu=s,InferenceAcceleratorOverrides=[*],ExecutionRoleArn=s,Memory=s,TaskRoleArn\
    =s,EphemeralStorage={SizeInGiB!=n}},PlatformVersion=s,PlatformFamily=s,PullStartedAt=s,Pul\
    lStoppedAt=s,StartedAt=s,StartedBy=s,StopCode=s(TaskFailedToStart|EssentialContainerExited\
    |UserInitiated|ServiceSchedulerInitiated|SpotInterruption|TerminationNotice),StoppedAt=s,S\
    toppedReason=s,StoppingAt=s,Tags=[{Key=s1,Value=s}],TaskArn=s,TaskDefinitionArn=s,Version=\
    n,EphemeralStorage={SizeInGiB!=n},FargateEphemeralStorage={SizeInGiB=n,KmsKeyId=s}}}
    batch:describeJobs {Jobs=[{JobArn=s,JobName!=s,JobId!=s,JobQueue!=s,Status!=s(SUBMITTED|PE\
    NDING|RUNNABLE|STARTING|RUNNING|SUCCEEDED|FAILED),ShareIdentifier=s,SchedulingPriority=n,A\
    ttempts=[*],StatusReason=s,CreatedAt=n,RetryStrategy={Attempts=n,EvaluateOnExit=*},Started\
    At!=n,StoppedAt=n,DependsOn=[*],JobDefinition!=s,Parameters=<s>,Container={Image=s,Vcpus=n\
    ,Memory=n,Command=*,JobRoleArn=s,ExecutionRoleArn=s,Volumes=*,Environment=*,MountPoints=*,\
    ReadonlyRootFilesystem=b,Ulimits=*,Privileged=b,User=s,ExitCode=n,Reason=s,ContainerInstan\
    ceArn=s,TaskArn=s,LogStreamName=s,InstanceType=s,NetworkInterfaces=*,ResourceRequirements=\
    *,LinuxParameters=*,LogConfiguration=*,Secrets=*,NetworkConfiguration=*,FargatePlatformCon\
    figuration=*,EphemeralStorage=*,RuntimePlatform=*,RepositoryCredentials=*,EnableExecuteCom\
    mand=b},NodeDetails={NodeIndex=n,IsMainNode=b},NodeProperties={NumNodes!=n,MainNode!=n,Nod\
    eRangeProperties!=*},ArrayProperties={StatusSummary=*,StatusSummaryLastUpdatedAt=n,Size=n,\
    Index=n},Timeout={AttemptDurationSeconds=n},Tags=<s>,PropagateTags=b,PlatformCapabilities=\
    [s(EC2|FARGATE)],EksProperties={PodProperties=*},EksAttempts=[*],EcsProperties={TaskProper\
    ties=*},IsCancelled=b,IsTerminated=b,ConsumableResourceProperties={ConsumableResourceList=\
    *}}]}
    batch:submitJob {JobArn=s,JobName!=s,JobId!=s}
    glue:getJobRun {JobRun={Id=s1,Attempt=n,PreviousRunId=s1,TriggerName=s1,JobName=s1,JobMode\
    =s(SCRIPT|VISUAL|NOTEBOOK),JobRunQueuingEnabled=b,StartedOn=s,LastModifiedOn=s,CompletedOn\
    =s,JobRunState=s(STARTING|RUNNING|STOPPING|STOPPED|SUCCEEDED|FAILED|TIMEOUT|ERROR|WAITING|\
    EXPIRED),Arguments=<s>,ErrorMessage=s,PredecessorRuns=[{JobName=s1,RunId=s1}],AllocatedCap\
    acity=n,ExecutionTime=n,Timeout=n(1,),MaxCapacity=n,WorkerType=s(Standard|G.1X|G.2X|G.025X\
    |G.4X|G.8X|Z.2X),NumberOfWorkers=n,SecurityConfiguration=s1,LogGroupName=s,NotificationPro\
    perty={NotifyDelayAfter=n(1,)},GlueVersion=s1,DPUSeconds=n,ExecutionClass=s(FLEX|STANDARD)\
    ,MaintenanceWindow=s,ProfileName=s1,StateDetail=s,ExecutionRoleSessionPolicy=s2}}
    glue:startJobRun {JobRunId=s1}
    athena:getQueryExecution {QueryExecution={QueryExecutionId=s1,Query=s1,StatementType=s(DDL\
    |DML|UTILITY),ManagedQueryResultsConfiguration={Enabled!=b,EncryptionConfiguration={KmsKey\
    !=s1}},ResultConfiguration={OutputLocation=s,EncryptionConfiguration={EncryptionOption!=s(\
    SSE_S3|SSE_KMS|CSE_KMS),KmsKey=s},ExpectedBucketOwner=s,AclConfiguration={S3AclOption!=s(B\
    UCKET_OWNER_FULL_CONTROL)}},ResultReuseConfiguration={ResultReuseByAgeConfiguration={Enabl\
    ed!=b,MaxAgeInMinutes=n(0,10080)}},QueryExecutionContext={Database=s1,Catalog=s1},Status={\
    State=s(QUEUED|RUNNING|SUCCEEDED|FAILED|CANCELLED),StateChangeReason=s,SubmissionDateTime=\
    s,CompletionDateTime=s,AthenaError={ErrorCategory=n(1,3),ErrorType=n(0,9999),Retryable=b,E\
    rrorMessage=s}},Statistics={EngineExecutionTimeInMillis=n,DataScannedInBytes=n,DataManifes\
    tLocation=s,TotalExecutionTimeInMillis=n,QueryQueueTimeInMillis=n,ServicePreProcessingTime\
    InMillis=n,QueryPlanningTimeInMillis=n,ServiceProcessingTimeInMillis=n,ResultReuseInformat\
    ion={ReusedPreviousResult!=b},DpuCount=n},WorkGroup=s,EngineVersion={SelectedEngineVersion\
    =s1,EffectiveEngineVersion=s1},ExecutionParameters=[s1],SubstatementType=s,QueryResultsS3A\
    ccessGrantsConfiguration={EnableS3AccessGrants!=b,CreateUserLevelPrefix=b,AuthenticationTy\
    pe!=s(DIRECTORY_IDENTITY)}}}
    athena:getQueryResults {UpdateCount=n,ResultSet={Rows=[{Data=*}],ResultSetMetadata={Column\
    Info=[*]}},NextToken=s1}
    athena:startQueryExecution {QueryExecutionId=s1}
    sts:getCallerIdentity {UserId=s,Account=s,Arn=s}
    bedrockruntime:invokeModel {Body!=s,ContentType!=s,PerformanceConfigLatency=s(standard|opt\
    imized),ServiceTier=s(priority|default|flex|reserved)}
    ses:sendEmail {MessageId!=s}
    sesv2:sendEmail {MessageId=s}
    ec2:describeInstances {NextToken=s,Reservations=[{ReservationId=s,OwnerId=s,RequesterId=s,\
    Groups=[*],Instances=[*]}]}
    ec2:startInstances {StartingInstances=[{InstanceId=s,CurrentState={Code=n,Name=s(pending|r\
    unning|shutting-down|terminated|stopping|stopped)},PreviousState={Code=n,Name=s(pending|ru\
    nning|shutting-down|terminated|stopping|stopped)}}]}
    ec2:stopInstances {StoppingInstances=[{InstanceId=s,CurrentState={Code=n,Name=s(pending|ru\
    nning|shutting-down|terminated|stopping|stopped)},PreviousState={Code=n,Name=s(pending|run\
    ning|shutting-down|terminated|stopping|stopped)}}]}
    codebuild:startBuild {Build={Id=s1,Arn=s1,BuildNumber=n,StartTime=s,EndTime=s,CurrentPhase\
    =s,BuildStatus=s(SUCCEEDED|FAILED|FAULT|TIMED_OUT|IN_PROGRESS|STOPPED),SourceVersion=s1,Re\
    solvedSourceVersion=s1,ProjectName=s1,Phases=[{PhaseType=s(SUBMITTED|QUEUED|PROVISIONING|D\
    OWNLOAD_SOURCE|INSTALL|PRE_BUILD|BUILD|POST_BUILD|UPLOAD_ARTIFACTS|FINALIZING|COMPLETED),P\
    haseStatus=s(SUCCEEDED|FAILED|FAULT|TIMED_OUT|IN_PROGRESS|STOPPED),StartTime=s,EndTime=s,D\
    urationInSeconds=n,Contexts=*}],Source={Type!=s(CODECOMMIT|CODEPIPELINE|GITHUB|GITLAB|GITL\
    AB_SELF_MANAGED|S3|BITBUCKET|GITHUB_ENTERPRISE|NO_SOURCE),Location=s,GitCloneDepth=n(0,),G\
    itSubmodulesConfig={FetchSubmodules!=b},Buildspec=s,Auth={Type!=s(OAUTH|CODECONNECTIONS|SE\
    CRETS_MANAGER),Resource=s},ReportBuildStatus=b,BuildStatusConfig={Context=s,TargetUrl=s},I\
    nsecureSsl=b,SourceIdentifier=s},SecondarySources=[{Type!=s(CODECOMMIT|CODEPIPELINE|GITHUB\
    |GITLAB|GITLAB_SELF_MANAGED|S3|BITBUCKET|GITHUB_ENTERPRISE|NO_SOURCE),Location=s,GitCloneD\
    epth=n(0,),GitSubmodulesConfig=*,Buildspec=s,Auth=*,ReportBuildStatus=b,BuildStatusConfig=\
    *,InsecureSsl=b,SourceIdentifier=s}],SecondarySourceVersions=[{SourceIdentifier!=s,SourceV\
    ersion!=s}],Artifacts={Location=s,Sha256sum=s,Md5sum=s,OverrideArtifactName=b,EncryptionDi\
    sabled=b,ArtifactIdentifier=s,BucketOwnerAccess=s(NONE|READ_ONLY|FULL)},SecondaryArtifacts\
    =[{Location=s,Sha256sum=s,Md5sum=s,OverrideArtifactName=b,EncryptionDisabled=b,ArtifactIde\
    ntifier=s,BucketOwnerAccess=s(NONE|READ_ONLY|FULL)}],Cache={Type!=s(NO_CACHE|S3|LOCAL),Loc\
    ation=s,Modes=[s(LOCAL_DOCKER_LAYER_CACHE|LOCAL_SOURCE_CACHE|LOCAL_CUSTOM_CACHE)],CacheNam\
    espace=s},Environment={Type!=s(WINDOWS_CONTAINER|LINUX_CONTAINER|LINUX_GPU_CONTAINER|ARM_C\
    ONTAINER|WINDOWS_SERVER_2019_CONTAINER|WINDOWS_SERVER_2022_CONTAINER|LINUX_LAMBDA_CONTAINE\
    R|ARM_LAMBDA_CONTAINER|LINUX_EC2|ARM_EC2|WINDOWS_EC2|MAC_ARM),Image!=s1,ComputeType!=s(BUI\
    LD_GENERAL1_SMALL|BUILD_GENERAL1_MEDIUM|BUILD_GENERAL1_LARGE|BUILD_GENERAL1_XLARGE|BUILD_G\
    ENERAL1_2XLARGE|BUILD_LAMBDA_1GB|BUILD_LAMBDA_2GB|BUILD_LAMBDA_4GB|BUILD_LAMBDA_8GB|BUILD_\
    LAMBDA_10GB|ATTRIBUTE_BASED_COMPUTE|CUSTOM_INSTANCE_TYPE),ComputeConfiguration={VCpu=n,Mem\
    ory=n,Disk=n,MachineType=s(GENERAL|NVME),InstanceType=s1},Fleet={FleetArn=s},EnvironmentVa\
    riables=[*],PrivilegedMode=b,Certificate=s,RegistryCredential={Credential!=s1,CredentialPr\
    ovider!=s(SECRETS_MANAGER)},ImagePullCredentialsType=s(CODEBUILD|SERVICE_ROLE),DockerServe\
    r={ComputeType!=s(BUILD_GENERAL1_SMALL|BUILD_GENERAL1_MEDIUM|BUILD_GENERAL1_LARGE|BUILD_GE\
    NERAL1_XLARGE|BUILD_GENERAL1_2XLARGE|BUILD_LAMBDA_1GB|BUILD_LAMBDA_2GB|BUILD_LAMBDA_4GB|BU\
    ILD_LAMBDA_8GB|BUILD_LAMBDA_10GB|ATTRIBUTE_BASED_COMPUTE|CUSTOM_INSTANCE_TYPE),SecurityGro\
    upIds=*,Status=*}},ServiceRole=s1,Logs={GroupName=s,StreamName=s,DeepLink=s,S3DeepLink=s,C\
    loudWatchLogsArn=s,S3LogsArn=s,CloudWatchLogs={Status!=s(ENABLED|DISABLED),GroupName=s,Str\
    eamName=s},S3Logs={Status!=s(ENABLED|DISABLED),Location=s,EncryptionDisabled=b,BucketOwner\
    Access=s(NONE|READ_ONLY|FULL)}},TimeoutInMinutes=n,QueuedTimeoutInMinutes=n,BuildComplete=\
    b,Initiator=s,VpcConfig={VpcId=s1,Subnets=[s1],SecurityGroupIds=[s1]},NetworkInterface={Su\
    bnetId=s1,NetworkInterfaceId=s1},EncryptionKey=s1,ExportedEnvironmentVariables=[{Name=s1,V\
    alue=s}],ReportArns=[s],FileSystemLocations=[{Type=s(EFS),Location=s,MountPoint=s,Identifi\
    er=s,MountOptions=s}],DebugSession={SessionEnabled=b,SessionTarget=s1},BuildBatchArn=s,Aut\
    oRetryConfig={AutoRetryLimit=n,AutoRetryNumber=n,NextAutoRetry=s,PreviousAutoRetry=s}}}
    translate:translateText {TranslatedText!=s,SourceLanguageCode!=s2,TargetLanguageCode!=s2,A\
    ppliedTerminologies=[{Name=s1,Terms=[*]}],AppliedSettings={Formality=s(FORMAL|INFORMAL),Pr\
    ofanity=s(MASK),Brevity=s(ON)}}
    textract:startDocumentTextDetection {JobId=s1}
    rekognition:detectLabels {Labels=[{Name=s,Confidence=n(0,100),Instances=[*],Parents=[*],Al\
    iases=[*],Categories=[*]}],OrientationCorrection=s(ROTATE_0|ROTATE_90|ROTATE_180|ROTATE_27\
    0),LabelModelVersion=s,ImageProperties={Quality={Brightness=n,Sharpness=n,Contrast=n},Domi\
    nantColors=[{Red=n(0,),Blue=n(0,),Green=n(0,),HexCode=s,CSSColor=s,SimplifiedColor=s,Pixel\
    Percent=n(0,100)}],Foreground={Quality={Brightness=n,Sharpness=n,Contrast=n},DominantColor\
    s=[*]},Background={Quality={Brightness=n,Sharpness=n,Contrast=n},DominantColors=[*]}}}
    comprehend:detectSentiment {Sentiment=s(POSITIVE|NEGATIVE|NEUTRAL|MIXED),SentimentScore={P\
    ositive=n,Negative=n,Neutral=n,Mixed=n}}
    polly:startSpeechSynthesisTask {SynthesisTask={Engine=s(standard|neural|long-form|generati\
    ve),TaskId=s,TaskStatus=s(scheduled|inProgress|completed|failed),TaskStatusReason=s,Output\
    Uri=s,CreationTime=s,RequestCharacters=n,SnsTopicArn=s,LexiconNames=[s],OutputFormat=s(jso\
    n|mp3|ogg_opus|ogg_vorbis|pcm|mulaw|alaw),SampleRate=s,SpeechMarkTypes=[s(sentence|ssml|vi\
    seme|word)],TextType=s(ssml|text),VoiceId=s,LanguageCode=s}}
    kinesis:putRecord {ShardId!=s1,SequenceNumber!=s,EncryptionType=s(NONE|KMS)}
    kinesis:putRecords {FailedRecordCount=n(1,),Records!=[{SequenceNumber=s,ShardId=s1,ErrorCo\
    de=s,ErrorMessage=s}],EncryptionType=s(NONE|KMS)}
    firehose:putRecord {RecordId!=s1,Encrypted=b}
    """
}
