/* tests/layout/cells.h: the cells that the method was measured on, as model files. */
#ifndef EDB_TESTS_LAYOUT_CELLS_H
#define EDB_TESTS_LAYOUT_CELLS_H

#define CELLS_HEAD            \
  "edb 1\n"                   \
  "model cells\n"             \
  "const n = 8, labels = 5\n" \
  "vocab words\n"             \
  "param E[words, n], Wout[labels, n]\n"

static const char tree_lstm[] =
    CELLS_HEAD "param Wi[n, n], Wo[n, n], Wu[n, n], Ui[n, 2*n], Uo[n, 2*n], Uu[n, 2*n]\n"
               "param Uf1[n, n], Uf2[n, n], bi[n], bo[n], bu[n], bf[n]\n"
               "cell leaf(word: index words) -> (h[n], c[n]):\n"
               "  x = E[word]\n"
               "  i = sigmoid(Wi @ x + bi)\n"
               "  o = sigmoid(Wo @ x + bo)\n"
               "  u = tanh(Wu @ x + bu)\n"
               "  c = i * u\n"
               "  h = o * tanh(c)\n"
               "cell node(h1[n], c1[n], h2[n], c2[n]) -> (h[n], c[n]):\n"
               "  e = [h1; h2]\n"
               "  i = sigmoid(Ui @ e + bi)\n"
               "  o = sigmoid(Uo @ e + bo)\n"
               "  u = tanh(Uu @ e + bu)\n"
               "  f1 = sigmoid(Uf1 @ h1 + bf)\n"
               "  f2 = sigmoid(Uf2 @ h2 + bf)\n"
               "  c = i * u + f1 * c1 + f2 * c2\n"
               "  h = o * tanh(c)\n";

static const char lstm[] = CELLS_HEAD
    "param Xi[n, n], Xf[n, n], Xg[n, n], Xo[n, n], Hi[n, n], Hf[n, n], Hg[n, n], Ho[n, n]\n"
    "param bi[n], bf[n], bg[n], bo[n]\n"
    "cell step(x[n], h_[n], c_[n]) -> (h[n], c[n]):\n"
    "  i = sigmoid(Xi @ x + Hi @ h_ + bi)\n"
    "  f = sigmoid(Xf @ x + Hf @ h_ + bf)\n"
    "  g = tanh(Xg @ x + Hg @ h_ + bg)\n"
    "  o = sigmoid(Xo @ x + Ho @ h_ + bo)\n"
    "  c = f * c_ + i * g\n"
    "  h = o * tanh(c)\n"
    "cell tagger(word: index words, h_[n], c_[n]) -> (h[n], c[n]):\n"
    "  x = E[word]\n"
    "  i = sigmoid(Xi @ x + Hi @ h_ + bi)\n"
    "  f = sigmoid(Xf @ x + Hf @ h_ + bf + 1)\n"
    "  g = tanh(Xg @ x + Hg @ h_ + bg)\n"
    "  o = sigmoid(Xo @ x + Ho @ h_ + bo)\n"
    "  c = f * c_ + i * g\n"
    "  h = o * tanh(c)\n";

static const char gru[] = CELLS_HEAD
    "param Xr[n, n], Xz[n, n], Xg[n, n], Hr[n, n], Hz[n, n], Hg[n, n], br[n], bz[n], bg[n]\n"
    "cell step(x[n], h_[n]) -> (h[n]):\n"
    "  r = sigmoid(Xr @ x + br + Hr @ h_)\n"
    "  z = sigmoid(Xz @ x + bz + Hz @ h_)\n"
    "  g = tanh(Xg @ x + bg + Hg @ (r * h_))\n"
    "  h = z * h_ + (1 - z) * g\n";

static const char tree_gru[] =
    CELLS_HEAD "param Wr[n, n], Wz[n, n], Wc[n, n], Ur1[n, n], Uz1[n, n], Uc1[n, n]\n"
               "param Ur2[n, n], Uz2[n, n], Uc2[n, n], br[n], bz[n], bc[n]\n"
               "cell leaf(word: index words) -> (h[n]):\n"
               "  x = E[word]\n"
               "  r = sigmoid(Wr @ x + br)\n"
               "  z = sigmoid(Wz @ x + bz)\n"
               "  g = tanh(Wc @ (r * x) + bc)\n"
               "  h = z * x + (1 - z) * g\n"
               "cell node(h1[n], h2[n]) -> (h[n]):\n"
               "  r1 = sigmoid(Ur1 @ h1 + br)\n"
               "  z1 = sigmoid(Uz1 @ h1 + bz)\n"
               "  n1 = tanh(Uc1 @ (r1 * h1) + bc)\n"
               "  g1 = z1 * h1 + (1 - z1) * n1\n"
               "  r2 = sigmoid(Ur2 @ h2 + br)\n"
               "  z2 = sigmoid(Uz2 @ h2 + bz)\n"
               "  n2 = tanh(Uc2 @ (r2 * h2) + bc)\n"
               "  g2 = z2 * h2 + (1 - z2) * n2\n"
               "  h = (g1 + g2) / 2\n";

static const char mv_rnn[] =
    CELLS_HEAD "param Wv[n, 2*n], Wm[n, 2*n], bv[n], bm[n]\n"
               "cell node(v1[n], M1[n, n], v2[n], M2[n, n]) -> (v[n], M[n, n]):\n"
               "  v = tanh(Wv @ [M1 @ v2; M2 @ v1] + bv)\n"
               "  M = Wm @ [M1; M2] + broadcast(bm, n)\n";

#endif
