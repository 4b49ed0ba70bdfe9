import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { serve } from "../grpc";
import { tencent } from "./tencent";
import { standIn } from "./provider";

serve(ResourceProviderService, standIn(tencent));
