/* A user's program against the installed library: the header and the library agree, and a model
 * made call by call is a model. */
#include <stdio.h>
#include <string.h>

#include <edbatch/edbatch.h>

int main(void) {
  edb_error error = {0};
  edb_context *ctx = NULL;
  edb_model *model = NULL;
  char version[32];
  snprintf(version, sizeof version, "%d.%d.%d", EDB_VERSION_MAJOR, EDB_VERSION_MINOR,
           EDB_VERSION_PATCH);
  if (strcmp(version, edb_version()) != 0) {
    fprintf(stderr, "headers are of %s, the library is %s\n", version, edb_version());
    return 1;
  }
  if (edb_context_create(NULL, &ctx, &error) != EDB_OK ||
      edb_model_create(ctx, "empty", NULL, &model, &error) != EDB_OK) {
    fprintf(stderr, "%s\n", error.text);
    edb_context_destroy(ctx);
    return 1;
  }
  printf("edbatch %s, %s, model %s\n", edb_version(), edb_simd_name(edb_context_simd(ctx)),
         edb_model_name(model));
  edb_model_destroy(model);
  edb_context_destroy(ctx);
  return 0;
}
