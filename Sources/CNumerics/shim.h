// oneDNN, what is used of LAPACK and BLAS (OpenBLAS has both), and the OpenMP runtime that oneDNN's threads belong to.
#pragma once
#include <dnnl.h>

// LAPACK: symmetric eigenvalues by divide and conquer, singular values by divide and conquer. Column-major.
void dsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *lda, double *w, double *work,
             const int *lwork, int *iwork, const int *liwork, int *info);
void dgesdd_(const char *jobz, const int *m, const int *n, double *a, const int *lda, double *s, double *u,
             const int *ldu, double *vt, const int *ldvt, double *work, const int *lwork, int *iwork, int *info);

// BLAS: products of two matrices, and of one with its own transpose, of which one triangle is written. Column-major.
void dgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k, const double *alpha,
            const double *a, const int *lda, const double *b, const int *ldb, const double *beta, double *c,
            const int *ldc);
void dsyrk_(const char *uplo, const char *trans, const int *n, const int *k, const double *alpha, const double *a,
            const int *lda, const double *beta, double *c, const int *ldc);
void openblas_set_num_threads(int threads);

// libgomp: what `#pragma omp parallel` becomes. Our loops run on the same team of threads as oneDNN's, so that the two
// never wait for each other's processors.
void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
int omp_get_thread_num(void);
int omp_get_num_threads(void);
void omp_set_num_threads(int threads);
int omp_get_num_procs(void);  // those that the process may run on
