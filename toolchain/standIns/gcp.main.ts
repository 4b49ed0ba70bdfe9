import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { serve } from "../grpc";
import { google } from "./google";
import { standIn } from "./provider";

serve(ResourceProviderService, standIn(google));
