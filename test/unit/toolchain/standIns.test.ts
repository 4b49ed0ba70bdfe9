import { type Client, credentials, Server, ServerCredentials, type ServiceError } from "@grpc/grpc-js";
import { ResourceProviderClient, ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/provider_pb";
import { unknownValue } from "@pulumi/pulumi/runtime/rpc";
import { Struct, type JavaScriptValue } from "google-protobuf/google/protobuf/struct_pb";
import { secret, type Properties } from "../../../plugins/support/values";
import { google } from "../../../toolchain/standIns/google";
import { type Cloud, standIn } from "../../../toolchain/standIns/provider";
import { tencent } from "../../../toolchain/standIns/tencent";

// The declarations of Compute Engine alone are a megabyte of text.
jest.setTimeout(60_000);

const servers: Server[] = [];
const clients: Client[] = [];

/** A stand-in as the engine has it, over gRPC. */
async function serve(cloud: Cloud): Promise<ResourceProviderClient> {
  const server = new Server();
  server.addService(ResourceProviderService, standIn(cloud));
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    ),
  );
  const client = new ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
  servers.push(server);
  clients.push(client);
  return client;
}

function answer<Response>(
  call: (callback: (error: ServiceError | null, response: Response) => void) => unknown,
): Promise<Response> {
  return new Promise((resolve, reject) =>
    call((error, response) => (error ? reject(new Error(error.details)) : resolve(response))),
  );
}

const struct = (values: Properties): Struct =>
  Struct.fromJavaScript(values as Record<string, JavaScriptValue>);
const urnOf = (type: string): string => `urn:pulumi:prod::crossborder::${type}::it`;

let providers: Readonly<Record<string, ResourceProviderClient>>;

beforeAll(async () => {
  providers = { gcp: await serve(google), tencentcloud: await serve(tencent) };
});
afterAll(() => {
  for (const client of clients) client.close();
  for (const server of servers) server.forceShutdown();
});

const providerOf = (type: string): ResourceProviderClient => providers[type.split(":")[0]!]!;

async function reasons(type: string, inputs: Properties): Promise<string[]> {
  const request = new rpc.CheckRequest().setUrn(urnOf(type)).setNews(struct(inputs));
  const response = await answer<rpc.CheckResponse>((callback) => providerOf(type).check(request, callback));
  return response.getFailuresList().map((failure) => failure.getReason());
}

async function created(type: string, inputs: Properties, preview: boolean): Promise<Properties> {
  const request = new rpc.CreateRequest()
    .setUrn(urnOf(type))
    .setProperties(struct(inputs))
    .setPreview(preview);
  const response = await answer<rpc.CreateResponse>((callback) => providerOf(type).create(request, callback));
  return { id: response.getId(), ...(response.getProperties()!.toJavaScript() as Properties) };
}

const disk = "gcp:compute/disk:Disk";
const instance = "gcp:compute/instance:Instance";
const firewall = "gcp:compute/firewall:Firewall";
const vpc = "tencentcloud:index/vpc:Vpc";
const ruleSet = "tencentcloud:index/securityGroupRuleSet:SecurityGroupRuleSet";
const place = { project: "p", zone: "us-west2-a", name: "prod-la-gw1" };
const machine = { machineType: "n2-standard-4", bootDisk: { source: "a-link" }, networkInterfaces: [{}] };

test.each<[string, string, Properties, string]>([
  ["an unknown property", disk, { ...place, sizeGb: 100 }, `${disk} has no sizeGb`],
  ["a wrong type", disk, { ...place, size: "100" }, `${disk}.size is a string, and no number`],
  [
    "a missing one",
    instance,
    { ...place, ...machine, machineType: undefined },
    `${instance} lacks machineType`,
  ],
  [
    "an unknown one inside of another",
    instance,
    { ...place, ...machine, bootDisk: { disk: "a-link" } },
    `${instance}.bootDisk has no disk`,
  ],
  [
    "a missing one inside of a list",
    firewall,
    { network: "n", allows: [{ ports: ["22"] }] },
    `${firewall}.allows[0] lacks protocol`,
  ],
  ["an unknown property of Tencent's", vpc, { cidrBlock: "10.0.0.0/8", cidr: "" }, `${vpc} has no cidr`],
  [
    "a secret of a wrong type, untold",
    ruleSet,
    { securityGroupId: secret(7), ingresses: [] },
    `${ruleSet}.securityGroupId is a number, and no string`,
  ],
])("%s is refused", async (_, type, inputs, reason) => {
  expect(await reasons(type, JSON.parse(JSON.stringify(inputs)) as Properties)).toEqual([reason]);
});

test("what isn't known yet is taken, wherever it stands", async () => {
  const inputs = {
    ...place,
    ...machine,
    bootDisk: { source: unknownValue },
    networkInterfaces: unknownValue,
  };
  expect(await reasons(instance, inputs)).toEqual([]);
});

test("a resource that the package doesn't have is refused", async () => {
  await expect(reasons("gcp:compute/nothing:Nothing", {})).rejects.toThrow("has no resource");
});

test("a preview knows what was asked for, and nothing that a cloud decides", async () => {
  const address = { project: "p", region: "us-west2", name: "prod-la-gw1" };
  expect(await created("gcp:compute/address:Address", address, true)).toMatchObject({
    ...address,
    id: "",
    address: unknownValue,
    selfLink: unknownValue,
  });
  expect(await created("tencentcloud:index/eip:Eip", { name: "it" }, true)).toMatchObject({
    name: "it",
    publicIp: unknownValue,
  });
});

test("what is made has an identifier and addresses as its cloud gives them", async () => {
  expect(await created(disk, { ...place, size: 100 }, false)).toMatchObject({
    id: "projects/p/zones/us-west2-a/disks/prod-la-gw1",
    selfLink: "https://www.googleapis.com/compute/v1/projects/p/zones/us-west2-a/disks/prod-la-gw1",
    size: 100,
  });
  const account = { accountId: "prod-la-vm", project: "p" };
  expect(await created("gcp:serviceaccount/account:Account", account, false)).toMatchObject({
    email: "prod-la-vm@p.iam.gserviceaccount.com",
  });
  const eip = await created("tencentcloud:index/eip:Eip", { name: "it" }, false);
  expect(eip["id"]).toMatch(/^eip-[0-9a-z]{8}$/);
  expect(eip["eipId"]).toBe(eip["id"]);
  expect(eip["publicIp"]).toMatch(/^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$/);
});

test.each([
  ["Google's", instance, "instanceId", { ...place, ...machine, bootDisk: {}, networkInterfaces: [] }],
  ["Tencent's", "tencentcloud:index/instance:Instance", "id", { availabilityZone: "ap-singapore-2" }],
])("a machine of %s that is made in another's place has another identifier", async (_, type, key, inputs) => {
  const [one, other] = [await created(type, inputs, false), await created(type, inputs, false)];
  expect(one[key]).toBeTruthy();
  expect(other[key]).not.toBe(one[key]);
});

test("Tencent's images are found by a regular expression, and wrong arguments are refused", async () => {
  const invoke = (args: Properties): Promise<rpc.InvokeResponse> =>
    answer((callback) =>
      providers["tencentcloud"]!.invoke(
        new rpc.InvokeRequest().setTok("tencentcloud:index/getImages:getImages").setArgs(struct(args)),
        callback,
      ),
    );
  const found = (await invoke({ imageNameRegex: "^Rocky Linux 9(\\.\\d+)? 64[^\\s(]*$" })).getReturn()!;
  expect((found.toJavaScript() as { images: unknown[] }).images).toEqual([
    expect.objectContaining({ imageName: "Rocky Linux 9.4 64bit", architecture: "x86_64" }),
  ]);
  const refused = (await invoke({ imageTypes: "PUBLIC_IMAGE" })).getFailuresList();
  expect(refused.map((failure) => failure.getReason())).toEqual([
    "tencentcloud:index/getImages:getImages.imageTypes is a string, and no list",
  ]);
});

test("the stand-in of one package isn't that of another", async () => {
  const parameters = new rpc.ParameterizeRequest.ParametersValue().setName("aws").setVersion("1.0.0");
  const request = new rpc.ParameterizeRequest().setValue(parameters);
  await expect(
    answer<rpc.ParameterizeResponse>((callback) =>
      providers["tencentcloud"]!.parameterize(request, callback),
    ),
  ).rejects.toThrow("this stand-in serves the package tencentcloud, and no aws");
});
