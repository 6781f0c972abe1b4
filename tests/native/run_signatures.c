/* Runs a SavedModel through TensorFlow's C API, which is what the model server is built on: no Python.
 *
 *   run_signatures MODEL < plan
 *
 * The plan has, for each run: "run INPUTS OUTPUTS", then for each input "OPERATION INDEX DTYPE RANK SIZE... FILE" (raw
 * values, row by row) and for each output "OPERATION INDEX FILE" (raw values are written there).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

enum { MOST = 16, RANK = 8, NAME = 512 };

static void check(TF_Status* status, const char* doing) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s: %s\n", doing, TF_Message(status));
  exit(1);
}

static TF_Output find(TF_Graph* graph, const char* name, int index) {
  TF_Output output = {TF_GraphOperationByName(graph, name), index};
  if (output.oper == NULL) {
    fprintf(stderr, "the graph has no operation %s\n", name);
    exit(1);
  }
  return output;
}

static TF_Tensor* read_tensor(int dtype, int rank, const int64_t* sizes, const char* path) {
  size_t count = 1;
  for (int i = 0; i < rank; i++) count *= (size_t)sizes[i];
  size_t bytes = count * TF_DataTypeSize((TF_DataType)dtype);
  TF_Tensor* tensor = TF_AllocateTensor((TF_DataType)dtype, sizes, rank, bytes);
  FILE* file = fopen(path, "rb");
  if (file == NULL || fread(TF_TensorData(tensor), 1, bytes, file) != bytes) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  fclose(file);
  return tensor;
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status, "loading");
  int inputs, outputs;
  while (scanf(" run %d %d", &inputs, &outputs) == 2) {
    TF_Output in[MOST], out[MOST];
    TF_Tensor *given[MOST], *found[MOST];
    char name[NAME], path[NAME], paths[MOST][NAME];
    int index, dtype, rank;
    for (int i = 0; i < inputs; i++) {
      int64_t sizes[RANK];
      if (scanf(" %511s %d %d %d", name, &index, &dtype, &rank) != 4 || rank > RANK) return 2;
      for (int j = 0; j < rank; j++) {
        long long size;
        if (scanf(" %lld", &size) != 1) return 2;
        sizes[j] = size;
      }
      if (scanf(" %511s", path) != 1) return 2;
      in[i] = find(graph, name, index);
      given[i] = read_tensor(dtype, rank, sizes, path);
    }
    for (int i = 0; i < outputs; i++) {
      if (scanf(" %511s %d %511s", name, &index, paths[i]) != 3) return 2;
      out[i] = find(graph, name, index);
    }
    TF_SessionRun(session, NULL, in, given, inputs, out, found, outputs, NULL, 0, NULL, status);
    check(status, "running");
    for (int i = 0; i < outputs; i++) {
      FILE* file = fopen(paths[i], "wb");
      if (file == NULL) return 1;
      fwrite(TF_TensorData(found[i]), 1, TF_TensorByteSize(found[i]), file);
      fclose(file);
      TF_DeleteTensor(found[i]);
    }
    for (int i = 0; i < inputs; i++) TF_DeleteTensor(given[i]);
  }
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
