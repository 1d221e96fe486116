/* tests/exec/zoo.h: small models that together use every operator in every way that a plan treats
 * on its own. `source` cells begin a graph; the others take what is there, so results stay small.
 */
#ifndef EDB_TESTS_EXEC_ZOO_H
#define EDB_TESTS_EXEC_ZOO_H

#define ZOO_HEAD                                                                                 \
  "edb 1\n"                                                                                      \
  "model zoo\n"                                                                                  \
  "const n = 5, m = n + 2\n"                                                                     \
  "param W[n, n], V[n, n], U[m, n], P[n, m], Q[n, 2*n], b[n], g[n], p[m], E[n, n], T[n, n, n]\n" \
  "cell source(i: index n, x: dense [n]) -> (h[n], c[n], M[n, n], a):\n"                         \
  "  h = tanh(x + E[i])\n"                                                                       \
  "  c = x * 0.5\n"                                                                              \
  "  M = T[i] * x\n"                                                                             \
  "  a = tanh(sum(x))\n"

typedef struct zoo_model {
  const char *name, *text;
} zoo_model;

static const zoo_model zoo[] = {
    {"elementwise operators of two operands",
     ZOO_HEAD "cell f(h[n], k[n], a, M[n, n]) -> (out[n], v[n], N2[n, n], q, h2[n], r):\n"
              "  d = (h - k) / (abs(k) + 1.5) + 2 * h\n"
              "  h2 = min(max(d, b), a) - 0.25\n"
              "  N = (M * h + a) / (abs(M) + abs(k) + 1) - M\n"
              "  r = tanh(max(min(a, 0.5), sum(b)) * a)\n"
              "  t = 1 / (abs(h) + 1) + b * g\n"
              "  h3 = h * h + h2 * h2\n"
              "  z = tanh(h3 + t)\n"
              "  N2 = tanh(min(N, W) - max(b, M) / 3 + (h - M) + (M - h) * (h / (abs(M) + 1)))\n"
              "  q = tanh(sum(N2) * r / (1 + abs(r)))\n"
              "  out = z + q\n"
              "  w = out - out\n"
              "  v = tanh(out) + w\n"
              "cell alias(h[n], c[n]) -> (h[n], c[n], k[n], j[n]):\n"
              "  k = tanh(h + c)\n"
              "  j = k\n"},
    {"elementwise operators of one operand",
     ZOO_HEAD "cell f(h[n], M[n, n], a) -> (p1[n], p2[n], p3[n], p4[n], N[n, n], o):\n"
              "  p1 = tanh(sigmoid(-h) + tanh(h) * relu(h))\n"
              "  p2 = tanh(gelu(h) - log(exp(h) + 1))\n"
              "  p3 = sqrt(abs(h)) * sin(h)\n"
              "  p4 = tanh(cos(p3) + dropout(h, 0.5))\n"
              "  N = tanh(gelu(M) + sigmoid(M) - relu(-M))\n"
              "  o = tanh(sin(a) + cos(a) * exp(-abs(a)))\n"
              "cell drop(h[n]) -> (k[n]):\n"
              "  k = dropout(h, 0.25)\n"},
    {"rows and reductions", ZOO_HEAD
     "cell f(h[n], c[n], M[n, n], a) -> (y[n], l[n], N[n, n], S[n, n], r, t, u, d, q, x):\n"
     "  y = softmax(h)\n"
     "  l = log_softmax(h + c) / 9\n"
     "  N = softmax(M)\n"
     "  S = log_softmax(M * 2) / 9\n"
     "  z = layer_norm(h, g, b)\n"
     "  z2 = layer_norm(z * c, c, h)\n"
     "  r = tanh(sum(z) + mean(M))\n"
     "  t = tanh(sum(N) + maximum(z2))\n"
     "  u = tanh(mean(y) * maximum(M))\n"
     "  d = tanh(dot(h, c) + dot(h, b) + dot(g, b))\n"
     "  q = tanh(squared_error(h, c) / 10 + squared_error(M, N) / 10)\n"
     "  x = tanh(squared_error(a, r) / 10)\n"},
    {"products of all forms", ZOO_HEAD "cell f(h[n], c[n], M[n, n], N[n, n]) -> (o[n], k[n], e[n], "
                                       "v[n], A[n, n], B[n, n], C[n, n]):\n"
                                       "  y = U @ h\n"
                                       "  o = tanh(P @ y + W @ h + V @ h)\n"
                                       "  k = tanh(h @ W + c @ W + M @ h)\n"
                                       "  e = tanh(h @ M + M @ b + b @ N)\n"
                                       "  v = tanh(W @ b + b @ V + h)\n"
                                       "  A = tanh(M @ N + M @ W + N @ [W; V][1:n+1])\n"
                                       "  B = tanh(W @ N + V @ M + transpose(M) @ V)\n"
                                       "  C = tanh((W @ V) @ M + (W + V) @ M)\n"},
    {"products that stack, one of them an output",
     ZOO_HEAD "cell f(h[n], c[n], k[n]) -> (i[n], o[n], x[n], y[n]):\n"
              "  ii = W @ h\n"
              "  j = V @ h\n"
              "  q = U @ h\n"
              "  r = h @ P\n"
              "  t = h @ V\n"
              "  i = V @ k\n"
              "  o = tanh(ii + j * t + P @ tanh(q + r))\n"
              "  e = [h; k]\n"
              "  x = tanh(Q @ e + W @ k)\n"
              "  z = [W @ c; V @ c]\n"
              "  y = tanh(Q @ z / 3)\n"
              "cell calm(i[n]) -> (h[n]):\n"
              "  h = tanh(i)\n"
              "cell same(h[n]) -> (o[n], x[n]):\n"
              "  a = W @ h\n"
              "  d = W @ h\n"
              "  o = tanh(a * d)\n"
              "  x = tanh(a)\n"},
    {"parts: concat, slice, reshape, transpose, broadcast", ZOO_HEAD
     "cell f(h[n], c[n], a, M[n, n]) -> (o[n], x[n], e[2*n], y[m], A[n, n], B[n, n], Z[2*n, n], "
     "q[n]):\n"
     "  e = [h; c]\n"
     "  f = [[c; a]; tanh(a); h; h; [e; e[1:3]]; b; 2]\n"
     "  o = tanh(f[0:n] + f[2:n+2] * f[n+1:2*n+1])\n"
     "  x = tanh(e[n-2:2*n-2])\n"
     "  y = tanh([a; h; a])\n"
     "  A = transpose(M) * 0.5\n"
     "  B = tanh(reshape(reshape(M, [n*n]), [n, n]) + broadcast(h, n))\n"
     "  Z = [transpose(A); broadcast(b, n)]\n"
     "  q = tanh(reshape(Z[1:2], [n]) + reshape(M[n-1:n], [n]))\n"
     "cell views(h[n], M[n, n], e[2*n]) -> (s[2], k[n], R[n, n], t[n], u[n], w[n]):\n"
     "  s = h[1:3]\n"
     "  k = e[1:n+1]\n"
     "  R = reshape(M, [n, n])\n"
     "  t = tanh([s; e[0:n-2]])\n"
     "  u = tanh(Q @ e)\n"
     "  w = tanh(W @ e[2:n+2])\n"},
    {"concat of many, nested, shared between two",
     ZOO_HEAD "cell f(h[n], c[n], k[n]) -> (x[n], o[2*n], y[n], z[3*n], one[n]):\n"
              "  t = tanh(h + c)\n"
              "  o = [t; h]\n"
              "  q = [h; t]\n"
              "  z = [t; t; k]\n"
              "  one = [k]\n"
              "  w = [[[h; c]; [k; t]]; [[t]; [q; [h; [c; [k]]]]]]\n"
              "  x = tanh(Q @ o + Q @ q + Q @ w[0:2*n] + Q @ w[7*n:9*n])\n"
              "  y = tanh(sigmoid(z[n:2*n]) * x)\n"
              "cell in(o[2*n]) -> (h[n], c[n]):\n"
              "  h = o[0:n]\n"
              "  c = tanh(o[n:2*n] + 0.1)\n"
              "cell made(h[n], c[n]) -> (o[2*n], q[2*n]):\n"
              "  o = [tanh(h + c); sigmoid(h - c)]\n"
              "  q = [W @ h; tanh(V @ h)] / 4\n"},
    {"lookups, and indices that a cell finds",
     ZOO_HEAD "cell f(h[n], i: index n, j: index 4, k: index n) -> (o[n], r[n], q, w[n], best):\n"
              "  l = [h; 0; 0.1]\n"
              "  z = argmax(h)\n"
              "  best = p[argmax(l)]\n"
              "  o = tanh(E[i] + E[j] * h + E[z])\n"
              "  r = tanh(T[k] @ h + E[argmax(W @ h)])\n"
              "  q = p[argmax(l)] + b[argmax(g)]\n"
              "  w = E[k] + E[argmax(E[k])]\n"},
    {"matrices below each other",
     ZOO_HEAD "cell node(v1[n], M1[n, n], v2[n], M2[n, n]) -> (h[n], M[n, n], v[n]):\n"
              "  h = tanh(Q @ [M1 @ v2; M2 @ v1] + b)\n"
              "  M = tanh((Q @ [M1; M2] + g) / 4)\n"
              "  v = tanh(M1 @ v1) * (M2 @ v2)\n"
              "cell left(A[n, n], B[n, n], h[n]) -> (o[2*n], S[2*n, n], N[n, n]):\n"
              "  D = [A; B]\n"
              "  o = tanh(D @ h)\n"
              "  S = tanh(D @ W)\n"
              "  R = D @ B\n"
              "  N = tanh(R[0:n] * R[n:2*n])\n"
              "cell three(A[n, n], B[n, n], C[n, n], h[n], c[n]) -> (k[n], M[n, n], r[n]):\n"
              "  D = [A; B; C]\n"
              "  k = tanh([h; c; h] @ D)\n"
              "  M = tanh(A @ B - C @ W)\n"
              "  r = tanh(h @ [C; A][n:2*n] + A @ c)\n"
              "cell on(A[n, n], B[n, n], h[n]) -> (k[n], M[n, n]):\n"
              "  k = tanh(Q @ [A @ h; B @ h])\n"
              "  M = tanh(Q @ [A; B]) + A\n"},
    {"labels",
     ZOO_HEAD "cell ce(h[n], label: index n) -> (logits[n], loss, twice, both[2]):\n"
              "  logits = W @ h\n"
              "  loss = cross_entropy(logits, label)\n"
              "  twice = loss * 2\n"
              "  both = [loss; sum(logits)]\n"
              "cell mse(h[n], y: dense [n], z: dense) -> (o[n], loss, other, all):\n"
              "  o = tanh(V @ h)\n"
              "  loss = squared_error(o, y)\n"
              "  other = squared_error(sum(o), z)\n"
              "  all = loss + other\n"
              "cell mixed(h[n], i: index n, k: index n, x: dense [n], y: dense [n]) -> (o[n], l):\n"
              "  o = tanh(E[i] * x + h)\n"
              "  l = cross_entropy(o, k) + squared_error(o - x, y)\n"
              "cell guess(h[n], c[n]) -> (l):\n"
              "  l = cross_entropy(h, argmax(c))\n"
              "cell on(l, h[n]) -> (a, k[n]):\n"
              "  a = tanh(l)\n"
              "  k = tanh(h)\n"},
    {"static expressions",
     ZOO_HEAD "cell f(h[n]) -> (o[n], k[n], l[n], e[2*n], q, x[n]):\n"
              "  k = tanh(b + g)\n"
              "  z = softmax(W @ g) * 2\n"
              "  o = tanh(h * z + k)\n"
              "  l = layer_norm(b * 3, g, k)\n"
              "  e = [b; g]\n"
              "  q = sum(b) + 1\n"
              "  S = W @ V + transpose(W)\n"
              "  x = tanh(S @ h + Q @ e + E[argmax(b)] + reshape(S[1:2], [n]))\n"
              "cell constant() -> (h[n], a, w[n]):\n"
              "  h = b + 0\n"
              "  a = 2 - 1.5\n"
              "  w = reshape(W[1:2], [n])\n"},
    {"dense attributes", ZOO_HEAD
     "cell f(x: dense [n], Y: dense [n, n], a: dense) -> (o[n], k[n], e[2*n], A[n, n], s[2]):\n"
     "  o = tanh(W @ x + V @ x)\n"
     "  k = tanh(Y @ x * a)\n"
     "  e = [x; k]\n"
     "  A = tanh(Y @ W + a)\n"
     "  s = x[1:3]\n"
     "cell late(h[n], x: dense [n], z: dense) -> (y[n], k[n]):\n"
     "  y = tanh(h + x)\n"
     "  k = tanh(h * z)\n"},
    {"maps over inputs and their reductions",
     ZOO_HEAD "cell sums(hs[n]..., cs[n]..., x[n], i: index n) -> (h[n], c[n], q):\n"
              "  f = sigmoid(W @ hs + V @ hs + b) * cs\n"
              "  h = tanh(sum(f) + sum(hs))\n"
              "  c = tanh(sum(hs * x * 0.5 + x) - sum(cs) + E[i])\n"
              "  q = tanh(sum(dot(hs, cs)))\n"
              "cell means(hs[n]..., k[n]) -> (h[n], c[n], e[2*n]):\n"
              "  h = mean(tanh(W @ (hs * k) + g))\n"
              "  c = tanh(max(hs) * mean(hs))\n"
              "  e = tanh(max([hs; k]))\n"
              "cell attend(hs[n]..., k[n]) -> (h[n], c[n], a):\n"
              "  h = sum(softmax(hs * k) * hs)\n"
              "  s = softmax(dot(hs, k))\n"
              "  c = sum(s * hs)\n"
              "  a = max(s)\n"
              "cell two(hs[n]..., as..., cs[n]...) -> (h[n], c[n], a):\n"
              "  h = tanh(sum(hs) + sum(W @ cs))\n"
              "  c = tanh(sum(as) * sum(cs))\n"
              "  a = tanh(sum(as * 2))\n"},
    {"maps of every kind of operator",
     ZOO_HEAD "cell maps(hs[n]..., Ms[n, n]..., k[n], i: index n, x: dense [n]) -> (h[n], c[n], "
              "A[n, n], e[m], a):\n"
              "  t = softmax(hs) + log_softmax(hs) / 9 + layer_norm(hs, g, b)\n"
              "  u = (Ms @ hs + k @ Ms) * maximum(hs) + mean(hs)\n"
              "  v = E[argmax(hs)] - E[i] * x\n"
              "  h = tanh(sum(t) + sum(u))\n"
              "  c = tanh(sum(v))\n"
              "  A = tanh(sum(Ms @ W + W @ Ms + transpose(Ms) + broadcast(hs, n) + reshape(Ms, [n, "
              "n]) * hs))\n"
              "  e = tanh(sum([hs[1:n]; sum(k); 0.5; b[0:1]]))\n"
              "  a = tanh(sum(squared_error(hs, k)))\n"
              "cell losses(hs[n]..., label: index n, y: dense [n]) -> (l, k[n]):\n"
              "  l = sum(cross_entropy(hs, label)) + mean(squared_error(hs, y))\n"
              "  k = tanh(sum(hs))\n"
              "cell idle(hs[n]..., h[n]) -> (k[n]):\n"
              "  k = tanh(h)\n"
              "cell odd(hs[n]...) -> (h[n], k[n]):\n"
              "  s = sum(hs)\n"
              "  h = tanh(sum(hs * s))\n"
              "  k = tanh(max(softmax(sigmoid(hs))))\n"},
};

#define ZOO_COUNT (sizeof zoo / sizeof zoo[0])

#endif
